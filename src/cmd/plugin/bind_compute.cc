// kubectl kcp bind compute: APIBindings for the kinds that run in physical clusters, and a
// Placement that says on which. Source: reference tmc.md 5.4.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "base/error.h"
#include "base/strings.h"
#include "cmd/plugin/bind.h"
#include "cmd/plugin/session.h"
#include "placement/keys.h"

namespace plugin {
namespace {

using json::Value;

struct Flags {
  std::string path, namespace_selector, name, timeout = "30s", workspace;
  std::vector<std::string> exports{"root:compute:kubernetes"}, location_selectors{""};
  std::vector<ExportName> wanted;
  Duration patience{};
};

bool parse(Flags& flags, const Arguments& arguments) {
  using Commas = Options::Commas;
  Options options("kubectl kcp bind compute PATH [flags]",
                  "Lets namespaces of the current workspace run in physical clusters of another "
                  "workspace.",
                  "kubectl kcp bind compute :root:compute --location-selectors region=eu");
  options.positional("the path of the workspace with the clusters", &flags.path);
  options.add_list("apiexports", &flags.exports, Commas::Separate, "APIExports to bind");
  options.add("namespace-selector", 0, &flags.namespace_selector,
              "labels of the namespaces that run there (default: all namespaces)");
  options.add_list("location-selectors", &flags.location_selectors, Commas::Belong,
                   "labels of the Locations to choose from; may be repeated (default: all)");
  options.add("name", 0, &flags.name, "name of the Placement (default: made from the rest)");
  options.add("timeout", 0, &flags.timeout, "how long to wait until it is ready");
  options.add("workspace", 'w', &flags.workspace, "workspace to work in, instead of the current");
  if (!options.parse(arguments)) return false;
  flags.patience = value_or_throw(parse_duration("timeout", flags.timeout));
  for (const std::string& one : flags.exports) {
    flags.wanted.push_back(value_or_throw(parse_export_name(one)));
  }
  return true;
}

Value placement_object(const Flags& flags, const std::string& location_workspace) {
  std::string name = flags.name;
  if (name.empty()) {
    name = placement::placement_name(flags.namespace_selector, join(flags.location_selectors, ","),
                                     location_workspace);
  }
  Value placement = object::make("scheduling.kcp.io/v1alpha1", "Placement", name);
  Value selectors = Value::array();
  for (const std::string& one : flags.location_selectors) {
    selectors.push_back(value_or_throw(selector_object(one)));
  }
  placement.set("spec",
                Value::object({{"locationResource", Value::object({{"group", "workload.kcp.io"},
                                                                   {"version", "v1alpha1"},
                                                                   {"resource", "synctargets"}})},
                               {"locationSelectors", std::move(selectors)},
                               {"locationWorkspace", location_workspace},
                               {"namespaceSelector",
                                value_or_throw(selector_object(flags.namespace_selector))}}));
  return placement;
}

// The logical cluster at `path`; "" if this user may not know.
Task<std::string> cluster_at(const Session& session, std::string path) {
  client::Client there = session.client.at(session.path_of(path));
  std::optional<Value> found;
  try {
    found = co_await there.find(kLogicalClusters, "", "cluster");
  } catch (const Error&) {
    found.reset();
  }
  co_return found ? object::annotation(*found, placement::kClusterAnnotation) : std::string();
}

// Makes the bindings that are missing and returns the names of those that are to be waited for.
Task<std::vector<std::string>> ensure_bindings(Session& session, std::vector<ExportName> wanted) {
  auto present = (co_await session.client.list(kBindings, "", {})).items;
  std::vector<std::string> names;
  for (const ExportName& one : wanted) {
    std::string cluster = co_await cluster_at(session, one.path);
    auto bound = std::ranges::find_if(present, [&](const Value& binding) {
      return binds(binding, one, session.workspace.path, cluster);
    });
    if (bound != present.end()) {
      names.push_back(object::name(*bound));
      continue;
    }
    names.push_back(placement::binding_name(one.name, one.path));
    fmt::print("Binding APIExport {}.\n", quote(one.text()));
    std::fflush(stdout);
    co_await session.client.create(kBindings, binding_to(one, names.back()));
  }
  co_return names;
}

}  // namespace

bool binds(const Value& binding, const ExportName& wanted, const std::string& own_path,
           const std::string& wanted_cluster) {
  const Value& reference = binding.at("spec", "reference", "export");
  if (object::is_deleting(binding) || reference["name"].as_string() != wanted.name) return false;
  std::string path = reference["path"].str();
  if (path == wanted.path || (path.empty() && wanted.path == own_path)) return true;
  return !wanted_cluster.empty() &&
         (path == wanted_cluster ||
          binding.at("status", "apiExportClusterName").as_string() == wanted_cluster);
}

Value binding_to(const ExportName& wanted, const std::string& name) {
  Value binding = object::make("apis.kcp.io/v1alpha2", "APIBinding", name);
  binding.edit("spec", "reference", "export").set("path", wanted.path).set("name", wanted.name);
  return binding;
}

Task<Value> wait_until_bound(client::Client& client, std::string name, Duration patience) {
  return wait_for(
      client, kBindings, name, patience,
      [](const Value& object) { return object.at("status", "phase").as_string() == "Bound"; },
      "could not bind " + name);
}

Task<int> bind_compute(net::IoLoop& loop, Arguments arguments) {
  Flags flags;
  if (!parse(flags, arguments)) co_return 0;
  Session session = open_session(loop, flags.workspace);
  std::string locations = value_or_throw(resolve_workspace(session.workspace.path, flags.path));
  Value wanted = placement_object(flags, locations);
  std::string name = object::name(wanted);

  auto bindings = co_await ensure_bindings(session, flags.wanted);
  for (const std::string& one : bindings) {
    co_await wait_until_bound(session.client, one, flags.patience);
  }
  if (co_await session.client.find(kPlacements, "", name)) {
    fmt::print("placement {} already exists.\n", name);
  } else {
    co_await session.client.create(kPlacements, std::move(wanted));
    fmt::print("placement {} created.\n", name);
  }
  std::fflush(stdout);
  co_await wait_for(
      session.client, kPlacements, name, flags.patience,
      [](const Value& object) {
        return object::is_true(object, "Scheduled") && object::is_true(object, "Ready");
      },
      "placement " + quote(name) + " is not ready after " + flags.timeout);
  fmt::print("Placement {} is ready.\n", quote(name));
  co_return 0;
}

Task<int> bind_command(net::IoLoop& loop, Arguments arguments) {
  std::string verb = take_verb(arguments);
  if (verb == "compute") co_return co_await bind_compute(loop, std::move(arguments));
  if (verb == "apiexport") co_return co_await bind_apiexport(loop, std::move(arguments));
  co_return answer_without_verb(
      verb, arguments, "bind",
      "Uses what other workspaces offer.\n\nUsage:\n"
      "  kubectl kcp bind compute PATH          physical clusters to run in\n"
      "  kubectl kcp bind apiexport PATH:NAME   APIs\n\n"
      "Example:\n  kubectl kcp bind compute :root:compute\n");
}

}  // namespace plugin
