#include "server/discovery.h"

#include <algorithm>
#include <map>

#include "registry/version_order.h"

namespace server {
namespace {

using json::Value;

// Higher comes first; user-defined groups are 1000.
int group_priority(std::string_view group) {
  static const std::map<std::string_view, int> priorities{{"", 18000},
                                                          {"apps", 17800},
                                                          {"events.k8s.io", 17750},
                                                          {"authentication.k8s.io", 17700},
                                                          {"authorization.k8s.io", 17600},
                                                          {"networking.k8s.io", 17200},
                                                          {"rbac.authorization.k8s.io", 17000},
                                                          {"apiextensions.k8s.io", 16700},
                                                          {"coordination.k8s.io", 16500},
                                                          {"discovery.k8s.io", 16200}};
  auto it = priorities.find(group);
  return it == priorities.end() ? 1000 : it->second;
}

struct Group {
  std::string_view name;
  std::vector<std::string> versions;  // best first
  std::vector<const registry::Kind*> kinds;
};

std::vector<Group> groups_of(const Kinds& kinds) {
  std::map<std::string_view, Group> by_name;
  for (const auto& kind : kinds) {
    Group& group = by_name[kind->group];
    group.kinds.push_back(kind.get());
    for (const auto& version : kind->versions) {
      bool known = std::ranges::find(group.versions, version.name) != group.versions.end();
      if (version.served && !known) group.versions.push_back(version.name);
    }
  }
  std::vector<Group> groups;
  for (auto& [name, group] : by_name) {
    group.name = name;
    std::ranges::sort(group.versions, registry::is_better_version);
    if (!group.versions.empty()) groups.push_back(std::move(group));
  }
  std::ranges::sort(groups, {}, [](const Group& group) {
    return std::pair(-group_priority(group.name), group.name);
  });
  return groups;
}

Value strings(const std::vector<std::string>& list) {
  Value all = Value::array();
  for (const std::string& one : list) all.push_back(one);
  return all;
}

std::vector<std::string> verbs_of(const registry::Kind& kind) {
  if (!kind.verbs.empty()) return kind.verbs;
  return {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"};
}

struct Subresource {
  std::string name, group, version, kind;
  std::vector<std::string> verbs;
};

std::vector<Subresource> subresources_of(const registry::Kind& kind,
                                         const registry::Version& version) {
  std::vector<Subresource> all;
  const std::vector<std::string> kVerbs{"get", "patch", "update"};
  if (version.has_status) all.push_back({"status", kind.group, version.name, kind.kind, kVerbs});
  if (version.scale) all.push_back({"scale", "autoscaling", "v1", "Scale", kVerbs});
  if (kind.group.empty() && kind.plural == "namespaces") {
    all.push_back({"finalize", "", "v1", "Namespace", {"update"}});
  }
  if (kind.group.empty() && kind.plural == "serviceaccounts") {
    all.push_back({"token", "authentication.k8s.io", "v1", "TokenRequest", {"create"}});
  }
  return all;
}

Value group_object(const Group& group) {
  Value versions = Value::array();
  auto entry = [&](const std::string& version) {
    return Value::object(
        {{"groupVersion", object::GroupVersion{std::string(group.name), version}.text()},
         {"version", version}});
  };
  for (const std::string& version : group.versions) versions.push_back(entry(version));
  return Value::object({{"name", group.name},
                        {"versions", std::move(versions)},
                        {"preferredVersion", entry(group.versions.front())}});
}

Value legacy_resource(const registry::Kind& kind) {
  Value resource = Value::object({{"name", kind.plural},
                                  {"singularName", kind.singular},
                                  {"namespaced", kind.namespaced},
                                  {"kind", kind.kind},
                                  {"verbs", strings(verbs_of(kind))}});
  if (!kind.short_names.empty()) resource.set("shortNames", strings(kind.short_names));
  if (!kind.categories.empty()) resource.set("categories", strings(kind.categories));
  return resource;
}

Value aggregated_resource(const registry::Kind& kind, const registry::Version& version) {
  auto type = [](std::string_view group, std::string_view v, std::string_view name) {
    return Value::object({{"group", group}, {"version", v}, {"kind", name}});
  };
  Value resource = Value::object({{"resource", kind.plural},
                                  {"responseKind", type(kind.group, version.name, kind.kind)},
                                  {"scope", kind.namespaced ? "Namespaced" : "Cluster"},
                                  {"singularResource", kind.singular},
                                  {"verbs", strings(verbs_of(kind))}});
  if (!kind.short_names.empty()) resource.set("shortNames", strings(kind.short_names));
  if (!kind.categories.empty()) resource.set("categories", strings(kind.categories));
  for (const Subresource& sub : subresources_of(kind, version)) {
    resource.edit("subresources")
        .push_back(Value::object({{"subresource", sub.name},
                                  {"responseKind", type(sub.group, sub.version, sub.kind)},
                                  {"verbs", strings(sub.verbs)}}));
  }
  return resource;
}

const registry::Version* served(const registry::Kind& kind, std::string_view version) {
  const auto* found = kind.find_version(version);
  return found && found->served ? found : nullptr;
}

}  // namespace

json::Value api_versions(std::string_view server_address) {
  return Value::object({{"kind", "APIVersions"},
                        {"versions", Value::array({"v1"})},
                        {"serverAddressByClientCIDRs",
                         Value::array({Value::object(
                             {{"clientCIDR", "0.0.0.0/0"}, {"serverAddress", server_address}})})}});
}

json::Value group_list(const Kinds& kinds) {
  Value groups = Value::array();
  for (const Group& group : groups_of(kinds)) {
    if (!group.name.empty()) groups.push_back(group_object(group));
  }
  return Value::object(
      {{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", std::move(groups)}});
}

json::Value group(const Kinds& kinds, std::string_view name) {
  for (const Group& one : groups_of(kinds)) {
    if (one.name != name) continue;
    Value object = group_object(one);
    object.set_front("apiVersion", "v1");
    object.set_front("kind", "APIGroup");
    return object;
  }
  return {};
}

json::Value resource_list(const Kinds& kinds, std::string_view group, std::string_view version) {
  Value resources = Value::array();
  for (const auto& kind : kinds) {
    const auto* at = kind->group == group ? served(*kind, version) : nullptr;
    if (!at) continue;
    resources.push_back(legacy_resource(*kind));
    for (const Subresource& sub : subresources_of(*kind, *at)) {
      Value entry = Value::object({{"name", kind->plural + "/" + sub.name},
                                   {"singularName", ""},
                                   {"namespaced", kind->namespaced},
                                   {"kind", sub.kind},
                                   {"verbs", strings(sub.verbs)}});
      if (sub.group != kind->group) entry.set("group", sub.group).set("version", sub.version);
      resources.push_back(std::move(entry));
    }
  }
  if (resources.empty()) return {};
  object::GroupVersion at{std::string(group), std::string(version)};
  return Value::object({{"kind", "APIResourceList"},
                        {"apiVersion", "v1"},
                        {"groupVersion", at.text()},
                        {"resources", std::move(resources)}});
}

json::Value aggregated(const Kinds& kinds, bool core) {
  Value items = Value::array();
  for (const Group& group : groups_of(kinds)) {
    if (group.name.empty() != core) continue;
    Value versions = Value::array();
    for (const std::string& version : group.versions) {
      Value resources = Value::array();
      for (const auto* kind : group.kinds) {
        if (const auto* at = served(*kind, version))
          resources.push_back(aggregated_resource(*kind, *at));
      }
      versions.push_back(Value::object(
          {{"version", version}, {"resources", std::move(resources)}, {"freshness", "Current"}}));
    }
    Value metadata = Value::object({{"creationTimestamp", nullptr}});
    if (!core) metadata.set("name", group.name);
    items.push_back(
        Value::object({{"metadata", std::move(metadata)}, {"versions", std::move(versions)}}));
  }
  return Value::object({{"kind", "APIGroupDiscoveryList"},
                        {"apiVersion", "apidiscovery.k8s.io/v2"},
                        {"metadata", Value::object()},
                        {"items", std::move(items)}});
}

std::vector<GroupVersionKinds> by_group_version(const Kinds& kinds) {
  std::vector<GroupVersionKinds> all;
  for (const Group& group : groups_of(kinds)) {
    for (const std::string& version : group.versions) {
      GroupVersionKinds one{{std::string(group.name), version}, {}};
      for (const auto* kind : group.kinds) {
        if (served(*kind, version)) one.kinds.push_back(kind);
      }
      all.push_back(std::move(one));
    }
  }
  return all;
}

}  // namespace server
