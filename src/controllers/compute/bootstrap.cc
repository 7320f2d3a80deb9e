#include "controllers/compute/bootstrap.h"

#include <algorithm>

#include "base/error.h"
#include "json/text.h"
#include "object/object.h"
#include "placement/keys.h"
#include "schema/builtin.h"

namespace controllers {
namespace {

using json::Value;

const client::Resource kWorkspaces{"tenancy.kcp.io", "v1alpha1", "workspaces", false};
const client::Resource kSchemas{"apis.kcp.io", "v1alpha1", "apiresourceschemas", false};
const client::Resource kExports{"apis.kcp.io", "v1alpha2", "apiexports", false};
const client::Resource kRoles{"rbac.authorization.k8s.io", "v1", "clusterroles", false};
const client::Resource kBindings{"rbac.authorization.k8s.io", "v1", "clusterrolebindings", false};

constexpr const char* kExport = "kubernetes";
constexpr std::size_t kDigestDigits = 10;

// Named by its content, because schemas are immutable: "s1a2b3c4d5e.deployments.apps".
Value schema_object(const schema::BuiltinKind& kind) {
  std::string group = kind.group.empty() ? "core" : kind.group;
  std::string name =
      "s" + kind.schema->digest().substr(0, kDigestDigits) + "." + kind.plural + "." + group;
  Value object = object::make("apis.kcp.io/v1alpha1", "APIResourceSchema", name);
  Value names = Value::object({{"plural", kind.plural},
                               {"singular", kind.singular},
                               {"kind", kind.kind},
                               {"listKind", kind.kind + "List"}});
  for (const auto& [field, list] :
       {std::pair{"shortNames", &kind.short_names}, std::pair{"categories", &kind.categories}}) {
    for (const std::string& one : *list) names.edit(field).push_back(one);
  }
  Value subresources = Value::object();
  if (kind.has_status) subresources.set("status", Value::object());
  if (kind.has_scale) {
    subresources.set("scale", Value::object({{"specReplicasPath", ".spec.replicas"},
                                             {"statusReplicasPath", ".status.replicas"}}));
  }
  Value version = Value::object({{"name", kind.version},
                                 {"served", true},
                                 {"storage", true},
                                 {"schema", kind.schema->openapi_v3()},
                                 {"subresources", std::move(subresources)}});
  object.set("spec", Value::object({{"group", kind.group},
                                    {"names", std::move(names)},
                                    {"scope", kind.namespaced ? "Namespaced" : "Cluster"},
                                    {"versions", Value::array({std::move(version)})}}));
  return object;
}

bool is_exported(const schema::BuiltinKind& kind) {
  return std::ranges::find(kind.sets, "export") != kind.sets.end();
}

Task<> export_kinds(client::Client compute) {
  Value resources = Value::array();
  for (const schema::BuiltinKind& kind : schema::builtin_kinds()) {
    if (!is_exported(kind)) continue;
    Value object = schema_object(kind);
    resources.push_back(Value::object({{"group", kind.group},
                                       {"name", kind.plural},
                                       {"schema", object::name(object)},
                                       {"storage", Value::object({{"crd", Value::object()}})}}));
    co_await compute.ensure(kSchemas, std::move(object));
  }
  auto present = co_await compute.find(kExports, "", kExport);
  if (present && present->at("spec", "resources") == resources) co_return;
  Value wanted = present ? *present : object::make("apis.kcp.io/v1alpha2", "APIExport", kExport);
  object::set_annotation(wanted, placement::kComputeAnnotation, "true");
  wanted.edit("spec").set("resources", std::move(resources));
  if (present) {
    co_await compute.update(kExports, std::move(wanted));
  } else {
    co_await compute.create(kExports, std::move(wanted));
  }
}

// Everybody who is known may bind the export and have workloads at the Locations.
Task<> permit_binding(client::Client compute) {
  constexpr const char* kGroup = "rbac.authorization.k8s.io";
  constexpr const char* kName = "system:kcp:apiexport:kubernetes:bind";
  Value role = object::make("rbac.authorization.k8s.io/v1", "ClusterRole", kName);
  Value bind = Value::object({{"apiGroups", Value::array({"apis.kcp.io"})},
                              {"resources", Value::array({"apiexports"})},
                              {"resourceNames", Value::array({kExport})},
                              {"verbs", Value::array({"bind"})}});
  Value place = Value::object({{"apiGroups", Value::array({"scheduling.kcp.io"})},
                               {"resources", Value::array({"locations"})},
                               {"verbs", Value::array({"get"})}});
  role.set("rules", Value::array({std::move(bind), std::move(place)}));
  co_await compute.ensure(kRoles, std::move(role));
  Value subject =
      Value::object({{"kind", "Group"}, {"apiGroup", kGroup}, {"name", "system:authenticated"}});
  Value binding = object::make("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", kName);
  binding.set("subjects", Value::array({std::move(subject)}));
  binding.set("roleRef",
              Value::object({{"apiGroup", kGroup}, {"kind", "ClusterRole"}, {"name", kName}}));
  co_await compute.ensure(kBindings, std::move(binding));
}

}  // namespace

Task<> bootstrap_compute(std::shared_ptr<client::Client> shard) {
  client::Client root = shard->at("/clusters/root");
  co_await root.ensure(kWorkspaces,
                       object::make("tenancy.kcp.io/v1alpha1", "Workspace", "compute"));
  client::Client compute = shard->at("/clusters/root:compute");
  co_await export_kinds(compute);
  co_await permit_binding(compute);
}

}  // namespace controllers
