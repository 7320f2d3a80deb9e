// kcp bench: flags of the benchmark.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "base/strings.h"
#include "bench/bench.h"
#include "cmd/flags.h"
#include "cmd/kubeconfig_client.h"
#include "cmd/program.h"

namespace cmd {
namespace {

struct Texts {
  std::string scale = "1", threads = "1", rate = "0", server_pid = "0", store_pid = "0";
};

double parse_number(const char* flag, const std::string& text) {
  char* end = nullptr;
  double value = std::strtod(text.c_str(), &end);
  if (!text.empty() && *end == '\0' && value >= 0 && value < 1e9) return value;
  throw Error::bad_request(fmt::format("--{} must be a number, not {}", flag, quote(text)));
}

void read_numbers(const Texts& texts, bench::Options& options) {
  options.sizes.scale = parse_number("scale", texts.scale);
  options.sizes.rate = parse_number("rate", texts.rate);
  double threads = parse_number("threads", texts.threads);
  if (threads < 1 || threads > 64) throw Error::bad_request("--threads must be 1 to 64");
  options.sizes.threads = static_cast<std::size_t>(threads);
  options.target.process = static_cast<pid_t>(parse_number("server-pid", texts.server_pid));
  options.target.store = static_cast<pid_t>(parse_number("store-pid", texts.store_pid));
}

bench::Address address_in(const std::string& kubeconfig) {
  ServerAccess access = server_access(load_access(kubeconfig, ""));
  return {access.options.host, access.options.port, access.options.tls,
          std::string(access.headers.get("authorization"))};
}

int run(bench::Options options) {
  net::raise_file_limit();
  net::LoopPool pool(bench::loops_for(options));
  bool checks = !options.baseline_path.empty();
  int status = run_until_stopped(
      pool, checks ? bench::check(pool, std::move(options)) : bench::run(pool, std::move(options)));
  pool.stop();
  return status;
}

}  // namespace

int bench_command(const std::vector<std::string>& arguments) {
  bench::Options options;
  Texts texts;
  bool list = false, quick = false;
  Flags flags(
      "kcp bench [NAME...] [flags] [-- FLAGS OF kcp start]",
      "Measures what a server does: each workload on a fresh one on this machine, or all on "
      "the one given\nwith --against. A name is a workload's, or the beginning of one.",
      "kcp bench writes reads.get-64 --quick --json figures.json");
  flags.add_switch("list", &list, "tells the workloads and what bounds each");
  flags.add_switch("quick", &quick, "a tenth of each size; the same as --scale 0.1");
  flags.add_switch("full", &options.full, "the heavy workloads too: minutes and gigabytes each");
  flags.add("scale", &texts.scale, "multiplies the sizes");
  flags.add("rate", &texts.rate, "operations a second of open loops; 0: each workload's own");
  flags.add("threads", &texts.threads, "of the client");
  flags.add("json", &options.json_path, "file for the figures");
  flags.add("against", &options.target.url, "URL of a server that runs already");
  flags.add("kubeconfig", &options.target.kubeconfig, "credentials for it");
  flags.add("server-pid", &texts.server_pid, "its process here, for its processor time and memory");
  flags.add("store-pid", &texts.store_pid, "the process of its etcd here, if it has one");
  flags.add("check", &options.baseline_path, "holds a short subset against this baseline");
  flags.add_switch("update-baseline", &options.update_baseline, "writes the file of --check");
  flags.take_words(&options.names);
  auto end = std::ranges::find(arguments, "--");
  auto outcome = flags.parse({arguments.begin(), end});
  if (outcome != Flags::Outcome::Run) return outcome == Flags::Outcome::Help ? 0 : 2;
  if (list) {
    fmt::print("{}", bench::describe_workloads());
    return 0;
  }
  if (quick) texts.scale = "0.1";
  if (end != arguments.end()) options.target.server_flags.assign(end + 1, arguments.end());
  options.target.executable = std::filesystem::read_symlink("/proc/self/exe");
  options.target.read_kubeconfig = address_in;
  try {
    read_numbers(texts, options);
    if (!options.target.url.empty() && options.target.kubeconfig.empty()) {
      throw Error::bad_request("--against needs --kubeconfig");
    }
  } catch (const Error& error) {
    fmt::print(stderr, "kcp: {}\n", error.message());
    return 2;
  }
  return run(std::move(options));
}

}  // namespace cmd
