// The server under measurement: a `kcp start` of our own in a fresh directory, or one that runs
// already. Watched from outside, through /proc.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bench/connection.h"

namespace bench {

// Reads the address and the credentials of a kubeconfig's current context; throws Error.
using ReadKubeconfig = std::function<Address(const std::string& path)>;

struct TargetOptions {
  std::string executable;  // of kcp, for a server of our own
  // Added to its command line; "{id}" becomes a name that no other server has had.
  std::vector<std::string> server_flags;
  std::string url;         // "" = a server of our own
  std::string kubeconfig;  // for `url`
  pid_t process = 0;       // of the server at `url`; 0 = unknown: no CPU, no memory
  pid_t store = 0;  // of what keeps the server's data (etcd) on this machine; 0 = none or unknown
  ReadKubeconfig read_kubeconfig;
};

class Target {
 public:
  // Starts the server, or looks at the one that runs. Throws Error if it is not ready in time.
  explicit Target(const TargetOptions& options);
  ~Target();  // stops a server of our own and removes its directory
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  const Address& address() const { return address_; }
  const TargetOptions& options() const { return options_; }
  bool is_own() const { return options_.url.empty(); }
  pid_t process() const { return process_; }  // 0 if it is not known
  const std::string& directory() const { return directory_; }

  // Of a server of our own only.
  void kill();   // SIGKILL
  void stop();   // SIGTERM, and waits
  void start();  // on the same data; see ready_seconds()
  double ready_seconds() const { return ready_seconds_; }
  double disk_bytes() const;  // of its directory

 private:
  void launch(int output);
  void await_ready(int output);
  void end(int signal);

  const TargetOptions options_;
  std::string id_, directory_;
  std::uint16_t port_ = 0;
  Address address_;
  pid_t process_ = 0;
  int output_ = -1;  // kept open, so that the server may print
  double ready_seconds_ = 0;
};

}  // namespace bench
