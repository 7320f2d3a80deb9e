#include "tenancy/content.h"

#include <algorithm>

#include "base/random.h"
#include "object/object.h"
#include "tenancy/path.h"

namespace tenancy {
namespace {

using json::Value;

Value with_system_fields(Value object, const NewCluster& cluster) {
  object.edit("metadata").set("uid", random_uuid());
  object.edit("metadata").set("creationTimestamp", format_time(cluster.now));
  object::set_annotation(object, "kcp.io/cluster", cluster.name);
  return object;
}

Value logical_cluster(const NewCluster& cluster) {
  Value object = object::make("core.kcp.io/v1alpha1", "LogicalCluster", "cluster");
  object::set_annotation(object, "kcp.io/path", cluster.path);
  object::set_annotation(object, "internal.tenancy.kcp.io/type",
                         join_path(cluster.type_path, cluster.type_name));
  object::set_label(object, "tenancy.kcp.io/phase", "Ready");
  object.edit("metadata").set("generation", 1);
  Value spec = Value::object();
  if (!cluster.owner.is_null()) spec.set("owner", cluster.owner);
  if (!cluster.creator.empty()) {
    spec.set("createdBy", Value::object({{"username", cluster.creator}}));
  }
  object.set("spec", std::move(spec));
  object.set("status", Value::object({{"URL", cluster.server_url + "/clusters/" + cluster.name},
                                      {"phase", "Ready"}}));
  return with_system_fields(std::move(object), cluster);
}

Value default_namespace(const NewCluster& cluster) {
  Value object = object::make("v1", "Namespace", "default");
  object::set_label(object, "kubernetes.io/metadata.name", "default");
  object.set("spec", Value::object({{"finalizers", Value::array({"kubernetes"})}}));
  object.set("status", Value::object({{"phase", "Active"}}));
  return with_system_fields(std::move(object), cluster);
}

Value admin_binding(const NewCluster& cluster) {
  constexpr const char* kGroup = "rbac.authorization.k8s.io";
  Value object =
      object::make("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "workspace-admin");
  object.set("subjects",
             Value::array({Value::object(
                 {{"kind", "User"}, {"apiGroup", kGroup}, {"name", cluster.creator}})}));
  object.set(
      "roleRef",
      Value::object({{"apiGroup", kGroup}, {"kind", "ClusterRole"}, {"name", "cluster-admin"}}));
  return with_system_fields(std::move(object), cluster);
}

Value reference(std::string_view name) { return Value::object({{"name", name}, {"path", kRoot}}); }

Value workspace_type(std::string_view name, Value spec) {
  Value type = object::make("tenancy.kcp.io/v1alpha1", "WorkspaceType", name);
  type.set("spec", std::move(spec));
  return type;
}

// The limit in `side` of one type holds if the other side answers to one of the listed names.
bool is_listed(const Value& limit, const std::vector<std::string>& aliases) {
  return std::ranges::any_of(limit["types"].elements(), [&](const Value& one) {
    std::string name = join_path(one["path"].as_string(), one["name"].as_string());
    return std::ranges::find(aliases, name) != aliases.end();
  });
}

}  // namespace

std::vector<Content> initial_content(const NewCluster& cluster) {
  std::vector<Content> content;
  content.push_back({"core.kcp.io", "logicalclusters", logical_cluster(cluster)});
  content.push_back({"", "namespaces", default_namespace(cluster)});
  if (!cluster.creator.empty()) {
    content.push_back({"rbac.authorization.k8s.io", "clusterrolebindings", admin_binding(cluster)});
  }
  return content;
}

std::vector<json::Value> builtin_types() {
  auto extends = [](std::string_view base) {
    return Value::object({{"with", Value::array({reference(base)})}});
  };
  auto only = [](std::string_view name) {
    return Value::object({{"types", Value::array({reference(name)})}});
  };
  return {
      workspace_type("universal",
                     Value::object({{"defaultChildWorkspaceType", reference("universal")}})),
      workspace_type("root",
                     Value::object({{"extend", extends("universal")},
                                    {"defaultChildWorkspaceType", reference("universal")},
                                    {"limitAllowedParents", Value::object({{"none", true}})}})),
      workspace_type("organization",
                     Value::object({{"extend", extends("universal")},
                                    {"defaultChildWorkspaceType", reference("universal")},
                                    {"limitAllowedParents", only("root")},
                                    {"limitAllowedChildren", only("universal")}})),
      workspace_type("team", Value::object({{"extend", extends("universal")},
                                            {"defaultChildWorkspaceType", reference("universal")},
                                            {"limitAllowedParents", only("organization")}})),
  };
}

std::string why_not_allowed(const TypeInUse& parent, const TypeInUse& child) {
  const Value& parents = child.type.at("spec", "limitAllowedParents");
  if (parents["none"].as_bool()) {
    return "workspace type " + child.aliases.front() + " cannot have any parent";
  }
  if (!parents["types"].empty() && !is_listed(parents, parent.aliases)) {
    return "workspace type " + child.aliases.front() + " is not allowed in a workspace of type " +
           parent.aliases.front();
  }
  const Value& children = parent.type.at("spec", "limitAllowedChildren");
  if (children["none"].as_bool()) {
    return "workspace type " + parent.aliases.front() + " cannot have any child";
  }
  if (!children["types"].empty() && !is_listed(children, child.aliases)) {
    return "a workspace of type " + parent.aliases.front() + " cannot contain type " +
           child.aliases.front();
  }
  return "";
}

}  // namespace tenancy
