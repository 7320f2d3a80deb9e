#include "cmd/playground_setup.h"

#include "base/check.h"
#include "base/error.h"
#include "json/text.h"
#include "object/object.h"
#include "schema/builtin.h"

namespace cmd {
namespace {

using client::Client;
using json::Value;

constexpr const char* kRbac = "rbac.authorization.k8s.io";

const client::Resource kWorkspaces{"tenancy.kcp.io", "v1alpha1", "workspaces", false};
const client::Resource kExports{"apis.kcp.io", "v1alpha2", "apiexports", false};
const client::Resource kBindings{"apis.kcp.io", "v1alpha2", "apibindings", false};
const client::Resource kSyncTargets{"workload.kcp.io", "v1alpha1", "synctargets", false};
const client::Resource kLocations{"scheduling.kcp.io", "v1alpha1", "locations", false};
const client::Resource kPlacements{"scheduling.kcp.io", "v1alpha1", "placements", false};
const client::Resource kClusterRoles{kRbac, "v1", "clusterroles", false};
const client::Resource kClusterRoleBindings{kRbac, "v1", "clusterrolebindings", false};

Value targets_resource() {
  return Value::object(
      {{"group", "workload.kcp.io"}, {"version", "v1alpha1"}, {"resource", "synctargets"}});
}

Value labels_of(const std::string& cluster) { return Value::object({{"cluster", cluster}}); }

Task<> ensure_workspace(Client root, std::string name) {
  co_await root.ensure(kWorkspaces, object::make("tenancy.kcp.io/v1alpha1", "Workspace", name));
}

Value rule(std::string_view group, std::string_view resource, std::vector<Value> verbs) {
  return Value::object({{"apiGroups", Value::array({group})},
                        {"resources", Value::array({resource})},
                        {"verbs", Value::array(std::move(verbs))}});
}

Task<> ensure_binding(Client workspace, std::string name, std::string user, std::string role) {
  Value binding = object::make("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", name);
  binding.set(
      "subjects",
      Value::array({Value::object({{"kind", "User"}, {"apiGroup", kRbac}, {"name", user}})}));
  binding.set("roleRef",
              Value::object({{"apiGroup", kRbac}, {"kind", "ClusterRole"}, {"name", role}}));
  co_await workspace.ensure(kClusterRoleBindings, std::move(binding));
}

// What a syncer may do in the workspace of its SyncTarget. Source: reference tmc.md 3.14.
Task<> permit_syncer(Client compute, std::string cluster) {
  std::string name = "kcp-syncer-" + cluster;
  Value role = object::make("rbac.authorization.k8s.io/v1", "ClusterRole", name);
  Value own = rule("workload.kcp.io", "synctargets", {"sync", "get", "update", "patch"});
  own.set("resourceNames", Value::array({cluster}));
  Value status = rule("workload.kcp.io", "synctargets/status", {"get", "update", "patch"});
  status.set("resourceNames", Value::array({cluster}));
  role.set("rules",
           Value::array({std::move(own), std::move(status),
                         rule("workload.kcp.io", "synctargets", {"get", "list", "watch"})}));
  co_await compute.ensure(kClusterRoles, std::move(role));
  co_await ensure_binding(compute, name, syncer_user(cluster), name);
  co_await ensure_binding(compute, name + "-access", syncer_user(cluster),
                          "system:kcp:workspace:access");
}

Task<std::string> register_cluster(Client compute, std::string cluster) {
  Value target = object::make("workload.kcp.io/v1alpha1", "SyncTarget", cluster);
  target.edit("metadata").set("labels", labels_of(cluster));
  target.set("spec", Value::object());
  target = co_await compute.ensure(kSyncTargets, std::move(target));
  Value location = object::make("scheduling.kcp.io/v1alpha1", "Location", cluster);
  location.edit("metadata").set("labels", labels_of(cluster));
  Value spec = Value::object(
      {{"resource", targets_resource()}, {"description", "the stand-in cluster " + cluster}});
  spec.edit("instanceSelector", "matchLabels") = labels_of(cluster);
  location.set("spec", std::move(spec));
  co_await compute.ensure(kLocations, std::move(location));
  co_await permit_syncer(compute, cluster);
  co_return object::uid(target);
}

// A binding to the export `name` of the workspace at `path` that accepts all that the export
// claims, within the selector that the export proposes.
Task<> bind(Client consumer, Client provider, std::string path, std::string name) {
  auto found = co_await provider.find(kExports, "", name);
  if (!found) throw Error::not_found("apis.kcp.io", "apiexports", path + ":" + name);
  Value binding = object::make("apis.kcp.io/v1alpha2", "APIBinding", name);
  Value& spec = binding.edit("spec");
  spec.edit("reference").set("export", Value::object({{"path", path}, {"name", name}}));
  for (const Value& claim : found->at("spec", "permissionClaims").elements()) {
    Value accepted = claim;
    Value selector = claim["defaultSelector"];
    if (selector.is_null()) selector = Value::object({{"matchAll", true}});
    accepted.erase("defaultSelector");
    accepted.set("selector", std::move(selector)).set("state", "Accepted");
    spec.edit("permissionClaims").push_back(std::move(accepted));
  }
  co_await consumer.ensure(kBindings, std::move(binding));
}

// An object of a bootstrap file has its plural nowhere; these kinds are all that such files hold.
client::Resource resource_of(const Value& object) {
  std::string kind = object["kind"].str();
  if (kind == "APIResourceSchema") return {"apis.kcp.io", "v1alpha1", "apiresourceschemas", false};
  if (kind == "APIExport") return kExports;
  if (kind == "ClusterRole") return kClusterRoles;
  CHECK(kind == "ClusterRoleBinding");
  return kClusterRoleBindings;
}

Task<> prepare_glbc(Client glbc, Client compute) {
  auto kubernetes = co_await compute.find(kExports, "", "kubernetes");
  if (!kubernetes) throw Error::not_found("apis.kcp.io", "apiexports", "kubernetes");
  Value identity = kubernetes->at("status", "identityHash");
  auto objects = json::parse_yaml_stream(schema::embedded_file("bootstrap/glbc.yaml"));
  for (Value& object : value_or_throw(std::move(objects))) {
    for (Value& claim : object.edit("spec").edit("permissionClaims").edit_elements()) {
      if (!claim["group"].as_string().empty()) claim.set("identityHash", identity);
    }
    if (object.at("spec", "permissionClaims").empty())
      object.edit("spec").erase("permissionClaims");
    if (object["spec"].empty()) object.erase("spec");
    client::Resource resource = resource_of(object);
    co_await glbc.ensure(resource, std::move(object));
  }
  co_await bind(glbc, glbc, kGlbcWorkspace, "glbc");
}

Task<> place_demo(Client demo) {
  Value placement = object::make("scheduling.kcp.io/v1alpha1", "Placement", "default");
  placement.set("spec", Value::object({{"locationResource", targets_resource()},
                                       {"locationSelectors", Value::array({Value::object()})},
                                       {"namespaceSelector", Value::object()},
                                       {"locationWorkspace", kComputeWorkspace}}));
  co_await demo.ensure(kPlacements, std::move(placement));
}

}  // namespace

std::string syncer_user(const std::string& cluster) { return "system:kcp:syncer:" + cluster; }

Task<std::map<std::string, std::string>> prepare_playground(std::shared_ptr<client::Client> shard,
                                                            std::vector<std::string> clusters) {
  Client root = shard->at("/clusters/root");
  Client compute = shard->at(std::string("/clusters/") + kComputeWorkspace);
  Client glbc = shard->at(std::string("/clusters/") + kGlbcWorkspace);
  Client demo = shard->at(std::string("/clusters/") + kDemoWorkspace);
  std::map<std::string, std::string> uids;
  for (const std::string& cluster : clusters) {
    uids[cluster] = co_await register_cluster(compute, cluster);
  }
  co_await ensure_workspace(root, "glbc");
  co_await prepare_glbc(glbc, compute);
  co_await ensure_workspace(root, "demo");
  co_await bind(demo, compute, kComputeWorkspace, "kubernetes");
  co_await bind(demo, glbc, kGlbcWorkspace, "glbc");
  co_await place_demo(demo);
  co_return uids;
}

}  // namespace cmd
