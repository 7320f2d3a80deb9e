// What a workload works with: the server, the client's connections, sizes, and the report. Lives on
// the pool's first loop.
#pragma once

#include <map>
#include <memory>
#include <stdexcept>

#include "bench/process_facts.h"
#include "bench/report.h"
#include "bench/target.h"

namespace bench {

// Thrown by a workload that this server cannot run; the reason is reported and the run goes on.
struct Skip : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Measures processor time and instructions of server, store and client between two moments.
class Meter {
 public:
  explicit Meter(const Target& target);
  // Fills in a row's figures per operation, and its seconds unless they are there already.
  void read_into(Row& row) const;

 private:
  pid_t server_, store_;
  InstructionCounter instructions_;
  double server_seconds_, store_seconds_, client_seconds_;
  std::int64_t start_;
};

struct Sizes {
  double scale = 1;         // multiplies every count
  double rate = 0;          // of open loops; 0 = the workload's own
  std::size_t threads = 1;  // of the client
};

class Run {
 public:
  Run(Target& target, net::LoopPool& pool, Sizes sizes, Report& report);

  // Connects and makes what workloads expect: a namespace of their own. `name` is the workload's.
  static Task<> begin(Run* run, std::string name);
  // Removes what was made from a server that is not ours, and closes the connections.
  static Task<> end(Run* run);

  std::size_t scaled(std::size_t count, std::size_t least = 1) const;
  double rate(double otherwise) const { return sizes.rate > 0 ? sizes.rate : otherwise; }

  // Kills a server of our own and starts it again on the same data.
  static Task<> restart(Run* run);

  // One request, not measured. must() throws Error if the status is another.
  Task<Answer> ask(std::string method, std::string path, std::string body = "");
  Task<Answer> must(int status, std::string method, std::string path, std::string body = "");

  // Drives a load as a row of the report, which it returns to be looked at.
  Task<Outcome> measure(Row row, Load load);

  bool has_workspaces() const { return has_workspaces_; }
  std::string base() const { return has_workspaces_ ? "/clusters/root" : ""; }
  // Config maps of the run's namespace, and of the default namespace in a workspace.
  std::string maps() const;
  std::string workspace_name(std::size_t number) const;
  std::string workspace_base(std::size_t number) const;
  std::string workspace_maps(std::size_t number) const;
  // Makes workspaces 0 .. count - 1 below root, all Ready.
  Task<Outcome> make_workspaces(std::size_t count);
  void remember_workspace(std::string made) { made_.push_back(std::move(made)); }
  const std::string& id() const { return id_; }  // unlikely to be in use on this server
  Memory server_memory() const;  // with its store's, if that is a process of its own

  // Answers of /livez per second at this concurrency: what TLS and HTTP/2 allow. Measured once.
  Task<double> livez_rate(std::size_t in_flight);
  // Writes of 1 KiB to a file's blocks per second, each followed by fdatasync, where the server
  // keeps its data. Blocks that are there already: a file that grows waits for the file system's
  // journal too, which an engine avoids.
  double sync_rate();

  Target& target;
  net::LoopPool& pool;
  const Sizes sizes;
  Report& report;
  std::unique_ptr<Fleet> fleet;
  std::string name;  // the workload's

 private:
  Squad& first() { return fleet->at(0); }

  std::string id_;
  bool has_workspaces_ = false;
  std::vector<std::string> made_;  // names of workspaces below root
  std::map<std::size_t, double> livez_;
  double sync_ = 0;
};

// A config map of about a KiB at rest; `version` tells one state of it from another.
std::string map_body(std::string_view name, std::string_view version = "1",
                     std::size_t payload = 700, std::string_view labels = "");
inline constexpr std::size_t kPayload = 700;

}  // namespace bench
