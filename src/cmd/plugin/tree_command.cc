#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "cmd/plugin/commands.h"
#include "cmd/plugin/connection.h"
#include "cmd/plugin/workspace_path.h"

namespace plugin {
namespace {

// Prints the children of `path`, each behind `indent`; those that may not be read have none.
Task<> print_children(client::Client client, std::string path, std::string indent, bool full) {
  client::List list;
  try {
    list = co_await client.at("/clusters/" + path).list(kWorkspaces, "", {});
  } catch (const Error& error) {
    if (error.reason() != Reason::Forbidden && error.reason() != Reason::NotFound) throw;
  }
  std::erase_if(list.items, [](const json::Value& one) {
    return one["metadata"].contains("deletionTimestamp");
  });
  for (std::size_t i = 0; i < list.items.size(); ++i) {
    bool last = i + 1 == list.items.size();
    std::string name = list.items[i].at("metadata", "name").str();
    std::string below = path + ":" + name;
    fmt::print("{}{}{}\n", indent, last ? "└── " : "├── ", full ? below : name);
    co_await print_children(client, below, indent + (last ? "    " : "│   "), full);
  }
}

}  // namespace

Task<int> tree_command(net::IoLoop& loop, Kubeconfig config, Arguments arguments) {
  bool full = std::erase(arguments, "--full") + std::erase(arguments, "-f") > 0;
  if (!arguments.empty()) throw Error(Reason::BadRequest, "unexpected argument " + arguments[0]);
  auto url = parse_workspace_url(config.server_url());
  if (!url) {
    fmt::print("Current workspace is the URL \"{}\".\n", config.server_url());
    co_return 0;
  }
  std::string label = full ? url->path : url->path.substr(url->path.rfind(':') + 1);
  fmt::print(".\n└── {}\n", label);
  co_await print_children(connect(loop, config, ""), url->path, "    ", full);
  co_return 0;
}

}  // namespace plugin
