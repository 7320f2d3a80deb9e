#include "cmd/plugin/upstream_sync.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "base/strings.h"
#include "cmd/plugin/session.h"
#include "placement/keys.h"

namespace plugin {
namespace {

using json::Value;

constexpr Duration kPatience = 30s;
constexpr const char* kRbacGroup = "rbac.authorization.k8s.io";
const client::Resource kAccounts{"", "v1", "serviceaccounts", true};
const client::Resource kSecrets{"", "v1", "secrets", true};
const client::Resource kRoles{kRbacGroup, "v1", "clusterroles", false};
const client::Resource kRoleBindings{kRbacGroup, "v1", "clusterrolebindings", false};

Value supported_exports(const SyncRequest& request) {
  Value list = Value::array();
  for (const ExportName& one : request.exports) {
    list.push_back(Value::object({{"path", one.path}, {"export", one.name}}));
  }
  if (!request.resources.empty()) list.push_back(Value::object({{"export", kImportedApis}}));
  return list;
}

std::string schema_name(const object::GroupResource& resource) {
  return "rev-0." + resource.resource + "." + (resource.group.empty() ? "core" : resource.group);
}

// A kind's name made from its plural; whoever imports the API puts the real one in its place.
std::string guessed_kind(std::string plural) {
  if (plural.ends_with("ies")) {
    plural.replace(plural.size() - 3, 3, "y");
  } else if (plural.ends_with("sses") || plural.ends_with("xes")) {
    plural.resize(plural.size() - 2);
  } else if (plural.ends_with('s')) {
    plural.pop_back();
  }
  plural[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(plural[0])));
  return plural;
}

Value placeholder_schema(const object::GroupResource& resource) {
  std::string kind = guessed_kind(resource.resource);
  Value schema = object::make("apis.kcp.io/v1alpha1", "APIResourceSchema", schema_name(resource));
  Value version = Value::object(
      {{"name", "v1"},
       {"served", true},
       {"storage", true},
       {"schema",
        Value::object({{"type", "object"}, {"x-kubernetes-preserve-unknown-fields", true}})},
       {"subresources", Value::object({{"status", Value::object()}})}});
  schema.set("spec", Value::object({{"group", resource.group},
                                    {"names", Value::object({{"plural", resource.resource},
                                                             {"singular", lower(kind)},
                                                             {"kind", kind},
                                                             {"listKind", kind + "List"}})},
                                    {"scope", "Namespaced"},
                                    {"versions", Value::array({std::move(version)})}}));
  return schema;
}

bool has_owner(const Value& object, const std::string& uid) {
  return std::ranges::any_of(object.at("metadata", "ownerReferences").elements(),
                             [&](const Value& one) { return one["uid"].as_string() == uid; });
}

// Makes the object if it is not there, and else its owner and `fields` as they are wanted.
Task<Value> ensure(client::Client& client, client::Resource resource, Value wanted, Value owner,
                   std::vector<std::string> fields) {
  wanted.edit("metadata", "ownerReferences").push_back(owner);
  auto present = co_await client.find(resource, object::ns(wanted), object::name(wanted));
  if (!present) co_return co_await client.create(resource, std::move(wanted));
  Value patch = Value::object();
  for (const std::string& field : fields) {
    if ((*present)[field] != wanted[field]) patch.set(field, wanted[field]);
  }
  if (!has_owner(*present, owner["uid"].str())) {
    Value owners = present->at("metadata", "ownerReferences");
    owners.push_back(owner);
    patch.edit("metadata").set("ownerReferences", std::move(owners));
  }
  if (patch.empty()) co_return std::move(*present);
  co_return co_await client.patch(resource, object::ns(wanted), object::name(wanted),
                                  client::PatchType::Merge, std::move(patch));
}

Value rule(std::initializer_list<const char*> verbs, const char* group, const char* resource,
           std::string_view name = {}) {
  Value list = Value::array();
  for (const char* verb : verbs) list.push_back(verb);
  Value one = Value::object({{"verbs", std::move(list)},
                             {"apiGroups", Value::array({group})},
                             {"resources", Value::array({resource})}});
  if (!name.empty()) one.set("resourceNames", Value::array({name}));
  return one;
}

Value syncer_role(const SyncRequest& request, const std::string& id) {
  constexpr const char* kWorkload = "workload.kcp.io";
  const std::string& name = request.target;
  Value role = object::make("rbac.authorization.k8s.io/v1", "ClusterRole", id);
  role.set("rules", Value::array({rule({"sync"}, kWorkload, "synctargets", name),
                                  rule({"get", "list", "watch"}, kWorkload, "synctargets"),
                                  rule({"update", "patch"}, kWorkload, "synctargets", name),
                                  rule({"update", "patch"}, kWorkload, "synctargets/status", name),
                                  rule({"get"}, kWorkload, "synctargets/tunnel", name),
                                  rule({"get", "create", "update", "delete", "list", "watch"},
                                       "apiresource.kcp.io", "apiresourceimports"),
                                  Value::object({{"verbs", Value::array({"access"})},
                                                 {"nonResourceURLs", Value::array({"/"})}})}));
  return role;
}

Value syncer_binding(const SyncRequest& request, const std::string& id) {
  Value binding = object::make("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", id);
  binding.set("roleRef",
              Value::object({{"apiGroup", kRbacGroup}, {"kind", "ClusterRole"}, {"name", id}}));
  binding.set(
      "subjects",
      Value::array({Value::object(
          {{"kind", "ServiceAccount"}, {"name", id}, {"namespace", request.kcp_namespace}})}));
  return binding;
}

std::string token_in(const Value& secret) {
  auto token = base64_decode(secret.at("data", "token").as_string());
  return token ? *token : "";
}

}  // namespace

Task<> ensure_imported_apis(client::Client& client, SyncRequest request) {
  auto present = co_await client.find(kExports, "", kImportedApis);
  Value wanted =
      present ? *present : object::make("apis.kcp.io/v1alpha2", "APIExport", kImportedApis);
  object::set_annotation(wanted, placement::kComputeAnnotation, "true");
  for (const auto& resource : request.resources) {
    bool listed =
        std::ranges::any_of(wanted.at("spec", "resources").elements(), [&](const Value& one) {
          return one["group"].as_string() == resource.group &&
                 one["name"].as_string() == resource.resource;
        });
    if (listed) continue;
    std::string schema = schema_name(resource);
    if (!co_await client.find(kSchemas, "", schema)) {
      co_await client.create(kSchemas, placeholder_schema(resource));
    }
    wanted.edit("spec", "resources")
        .push_back(Value::object({{"group", resource.group},
                                  {"name", resource.resource},
                                  {"schema", schema},
                                  {"storage", Value::object({{"crd", Value::object()}})}}));
  }
  if (!present) {
    co_await client.create(kExports, std::move(wanted));
  } else if (wanted != *present) {
    co_await client.update(kExports, std::move(wanted));
  }
}

Task<Value> ensure_sync_target(client::Client& client, SyncRequest request) {
  Value exports = supported_exports(request);
  auto present = co_await client.find(kSyncTargets, "", request.target);
  if (!present) {
    Value target = object::make("workload.kcp.io/v1alpha1", "SyncTarget", request.target);
    for (const auto& [key, value] : request.labels) object::set_label(target, key, value);
    target.edit("spec").set("supportedAPIExports", std::move(exports));
    co_return co_await client.create(kSyncTargets, std::move(target));
  }
  Value patch = Value::object();
  for (const auto& [key, value] : request.labels) {
    bool same = object::has_label(*present, key) && object::label(*present, key) == value;
    if (!same) object::set_label(patch, key, value);
  }
  if (present->at("spec", "supportedAPIExports") != exports) {
    patch.edit("spec").set("supportedAPIExports", std::move(exports));
  }
  if (patch.empty()) co_return std::move(*present);
  co_return co_await client.patch(kSyncTargets, "", request.target, client::PatchType::Merge,
                                  std::move(patch));
}

Task<std::string> ensure_syncer_identity(client::Client& client, SyncRequest request, Value target,
                                         std::string id) {
  const std::string& ns = request.kcp_namespace;
  Value owner = Value::object({{"apiVersion", "workload.kcp.io/v1alpha1"},
                               {"kind", "SyncTarget"},
                               {"name", object::name(target)},
                               {"uid", object::uid(target)}});
  Value account = object::make("v1", "ServiceAccount", id, ns);
  account = co_await ensure(client, kAccounts, std::move(account), owner, {});
  co_await ensure(client, kRoles, syncer_role(request, id), owner, {"rules"});
  Value binding = syncer_binding(request, id);
  auto bound = co_await client.find(kRoleBindings, "", id);
  if (bound && (*bound)["roleRef"] != binding["roleRef"]) {  // which cannot be changed
    co_await client.remove(kRoleBindings, "", id);
  }
  co_await ensure(client, kRoleBindings, std::move(binding), owner, {"subjects"});
  Value secret = object::make("v1", "Secret", id + "-token", ns);
  object::set_annotation(secret, "kubernetes.io/service-account.name", id);
  secret.set("type", "kubernetes.io/service-account-token");
  secret = co_await ensure(client, kSecrets, std::move(secret), owner, {});
  std::string token = token_in(secret);
  if (!token.empty()) co_return token;
  throw Error(Reason::Timeout,
              fmt::format("secret {}/{}-token holds no token for service account {}; delete it and "
                          "try again",
                          ns, id, object::name(account)));
}

Task<std::vector<object::GroupResource>> synced_resources(client::Client& client,
                                                          SyncRequest request) {
  std::vector<object::GroupResource> all = request.resources;
  if (request.exports.empty()) co_return all;
  Value target = co_await wait_for(
      client, kSyncTargets, request.target, kPatience,
      [](const Value& object) { return !object.at("status", "syncedResources").empty(); },
      fmt::format("SyncTarget {} has no resources to sync: its APIExports are not there or offer "
                  "nothing",
                  quote(request.target)));
  for (const Value& one : target.at("status", "syncedResources").elements()) {
    all.push_back({one["group"].str(), one["resource"].str()});
  }
  co_return all;
}

}  // namespace plugin
