// kubectl's plugin: kubectl-ws, kubectl-create_workspace and kubectl-kcp are names of this program.
#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "cmd/plugin/commands.h"
#include "cmd/program.h"

namespace {

using plugin::Arguments;

std::string_view kcp_help() {
  return "Commands for workspaces.\n\nUsage:\n"
         "  kubectl kcp workspace ...        same as kubectl ws\n"
         "  kubectl kcp workload VERB ...    physical clusters: sync, cordon, uncordon, drain\n"
         "  kubectl kcp bind KIND ...        use what others offer: compute, apiexport\n"
         "  kubectl kcp claims VERB ...      what providers may do here: get, accept, reject\n"
         "  kubectl kcp usage ...            what a workspace uses, or which use most\n\n"
         "Example:\n  kubectl kcp bind compute :root:compute\n";
}

bool wants_help(const Arguments& arguments) {
  return std::ranges::any_of(arguments,
                             [](const std::string& one) { return one == "--help" || one == "-h"; });
}

using GroupCommand = Task<int> (*)(net::IoLoop& loop, Arguments arguments);

// The command of that name below `kubectl kcp`; null if it is one of workspaces, or none.
GroupCommand find_group(const std::string& name) {
  if (name == "workload") return plugin::workload_command;
  if (name == "bind") return plugin::bind_command;
  if (name == "usage") return plugin::usage_command;
  return name == "claims" ? plugin::claims_command : nullptr;
}

Task<> run_command(net::IoLoop& loop, std::string name, Arguments arguments, int* status) {
  if (GroupCommand group = find_group(name)) {
    *status = co_await group(loop, std::move(arguments));
    co_return;
  }
  auto config = plugin::Kubeconfig::load();
  if (name == "create") {
    *status = co_await plugin::create_command(loop, std::move(config), std::move(arguments));
  } else {
    *status = co_await plugin::workspace_command(loop, std::move(config), std::move(arguments));
  }
}

}  // namespace

int main(int argc, char** argv) {
  cmd::block_stop_signals();
  std::string program(argv[0]);
  program = program.substr(program.rfind('/') + 1);
  Arguments arguments(argv + 1, argv + argc);
  std::string name = program == "kubectl-create_workspace" ? "create" : "ws";
  if (program == "kubectl-kcp") {
    if (arguments.empty() || arguments[0].starts_with("-")) {
      fmt::print("{}", kcp_help());
      return arguments.empty() ? 2 : 0;
    }
    if (find_group(arguments[0])) {
      name = arguments[0];
    } else if (arguments[0] != "workspace" && arguments[0] != "workspaces" &&
               arguments[0] != "ws") {
      fmt::print(stderr, "error: unknown command {}; see kubectl kcp --help\n", arguments[0]);
      return 2;
    }
    arguments.erase(arguments.begin());
  }
  if (!find_group(name) && wants_help(arguments)) {
    bool create = name == "create" || (!arguments.empty() && arguments[0] == "create");
    fmt::print("{}", create ? plugin::create_help() : plugin::workspace_help());
    return 0;
  }
  net::LoopPool pool(1);
  int status = 1;
  int failed =
      cmd::run_until_stopped(pool, run_command(pool.at(0), name, arguments, &status), "error");
  pool.stop();
  return failed != 0 ? failed : status;
}
