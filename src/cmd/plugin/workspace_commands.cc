#include <fmt/format.h>

#include "base/error.h"
#include "base/strings.h"
#include "cmd/plugin/commands.h"
#include "cmd/plugin/connection.h"
#include "cmd/plugin/workspace_path.h"

namespace plugin {
namespace {

// The type of the workspace at `path`, "root:universal"; "" if it cannot be told. Throws if the
// workspace is not there or may not be entered.
Task<std::string> check_workspace(net::IoLoop& loop, const Kubeconfig& config, std::string path) {
  auto target = connect(loop, config, "/clusters/" + path);
  std::optional<Error> failure;
  json::Value cluster;
  try {
    cluster = co_await target.call("GET", client::resource_path(kLogicalClusters, "", "cluster"));
  } catch (const Error& error) {
    failure = error;
  }
  if (failure && failure->reason() == Reason::NotFound) {
    throw Error(Reason::NotFound, "workspace " + quote(path) + " not found");
  }
  if (failure && failure->reason() == Reason::Forbidden) {
    throw Error(Reason::Forbidden, "access to workspace " + quote(path) + " denied");
  }
  if (failure) throw *failure;
  co_return cluster.at("metadata", "annotations")["internal.tenancy.kcp.io/type"].str();
}

WorkspaceUrl current_workspace(const Kubeconfig& config) {
  auto url = parse_workspace_url(config.server_url());
  if (!url) {
    throw Error(Reason::BadRequest, "current config context URL " + quote(config.server_url()) +
                                        " does not point to workspace");
  }
  return *url;
}

Task<int> print_current(net::IoLoop& loop, const Kubeconfig& config, bool brief) {
  auto url = parse_workspace_url(config.server_url());
  if (!url) {
    if (!brief) fmt::print("Current workspace is the URL {}.\n", quote(config.server_url()));
    co_return 0;
  }
  if (brief) {
    fmt::print("{}\n", url->path);
    co_return 0;
  }
  std::string type = co_await check_workspace(loop, config, url->path);
  fmt::print("{}\n", current_text(url->path, type));
  co_return 0;
}

}  // namespace

std::string current_text(const std::string& path, const std::string& type) {
  std::string suffix = type.empty() ? "" : " (type " + type + ")";
  return fmt::format("Current workspace is '{}'{}.", path, suffix);
}

Task<> enter(net::IoLoop& loop, Kubeconfig& config, std::string path) {
  WorkspaceUrl url = current_workspace(config);
  std::string type = co_await check_workspace(loop, config, path);
  config.switch_to(WorkspaceUrl{url.base, path}.text());
  config.save();
  fmt::print("{}\n", current_text(path, type));
}

std::string_view workspace_help() {
  return "Moves between workspaces, like cd between folders.\n\n"
         "Usage:\n  kubectl ws [PATH | . | .. | - | : ] [--short]\n"
         "  kubectl ws tree [--full]\n  kubectl ws create NAME [flags]\n\n"
         "Example:\n  kubectl ws :root:team-a     # an absolute path\n"
         "  kubectl ws ..               # the parent\n  kubectl ws -                # back\n";
}

Task<int> workspace_command(net::IoLoop& loop, Kubeconfig config, Arguments arguments) {
  bool brief = std::erase(arguments, "--short") > 0;
  if (!arguments.empty() && (arguments[0] == "use" || arguments[0] == "cd")) {
    arguments.erase(arguments.begin());
  }
  if (arguments.empty() || arguments[0] == "." || arguments[0] == "current") {
    co_return co_await print_current(loop, config, brief);
  }
  std::string first = arguments[0];
  arguments.erase(arguments.begin());
  if (first == "tree") co_return co_await tree_command(loop, std::move(config), arguments);
  if (first == "create") co_return co_await create_command(loop, std::move(config), arguments);
  if (!arguments.empty()) throw Error(Reason::BadRequest, "unexpected argument " + arguments[0]);
  if (first == "-") {
    config.switch_back();
    config.save();
    co_return co_await print_current(loop, config, brief);
  }
  if (first == "~" || first.starts_with("~:")) {
    throw Error(Reason::NotFound, "this server has no home workspaces; name a path, such as :root");
  }
  if (first.starts_with("root")) {
    fmt::print(stderr, "Note: use :{} for an absolute path.\n", first);
  }
  std::string path = value_or_throw(resolve_workspace(current_workspace(config).path, first));
  co_await enter(loop, config, path);
  co_return 0;
}

}  // namespace plugin
