// The program kcp: picks the subcommand.
#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

#include "cmd/program.h"

namespace {

struct Command {
  const char* name;
  int (*run)(const std::vector<std::string>& arguments);
  const char* about;
};

constexpr Command kCommands[] = {
    {"start", cmd::start, "runs the control plane on the embedded store"},
    {"playground", cmd::playground, "runs everything in one process, for a laptop"},
    {"cluster", cmd::cluster_command, "runs a stand-in for a physical cluster"},
    {"syncer", cmd::syncer_command, "connects a physical cluster"},
    {"glbc", cmd::glbc_command, "runs the global load balancer"},
    {"backup", cmd::backup_command, "saves a running control plane to a file"},
    {"restore", cmd::restore_command, "makes a root directory from such a file"},
    {"bench", cmd::bench_command, "measures what this machine does"},
};

void print_help() {
  fmt::print(
      "A Kubernetes-like control plane for many clusters.\n\nUsage:\n  kcp COMMAND "
      "[flags]\n\nCommands:\n");
  for (const Command& command : kCommands) fmt::print("  {:<12} {}\n", command.name, command.about);
  fmt::print("\nExample:\n  kcp playground\n\n`kcp COMMAND --help` tells a command's flags.\n");
}

}  // namespace

int main(int argc, char** argv) {
  cmd::block_stop_signals();
  std::vector<std::string> arguments(argv + 1, argv + argc);
  // The name under which the manifest of `kubectl kcp workload sync` starts it.
  if (std::string_view(argv[0]).ends_with("/syncer")) return cmd::syncer_command(arguments);
  if (arguments.empty() || arguments[0] == "--help" || arguments[0] == "-h") {
    print_help();
    return arguments.empty() ? 2 : 0;
  }
  for (const Command& command : kCommands) {
    if (arguments[0] == command.name) return command.run({arguments.begin() + 1, arguments.end()});
  }
  fmt::print(stderr, "kcp: unknown command {}; see kcp --help\n", arguments[0]);
  return 2;
}
