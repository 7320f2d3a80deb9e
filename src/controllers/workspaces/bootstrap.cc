#include "controllers/workspaces/bootstrap.h"

#include "base/error.h"
#include "base/random.h"
#include "json/text.h"
#include "object/object.h"
#include "registry/make.h"
#include "schema/builtin.h"
#include "tenancy/content.h"
#include "tenancy/path.h"

namespace controllers {
namespace {

// A transaction of creations: what is there already stays as it is.
class Missing {
 public:
  Missing(registry::Registry& registry, std::string cluster)
      : registry_(registry), cluster_(std::move(cluster)) {}

  void add(const std::string& group, const std::string& resource, json::Value object) {
    cache::TableId table{group, resource, ""};
    cache::Key key{cluster_, object::ns(object), object::name(object)};
    if (registry_.objects().table(table).find(key)) return;
    if (object::uid(object).empty()) {
      object.edit("metadata").set("uid", random_uuid());
      object.edit("metadata").set("creationTimestamp", format_time(registry_.clock().now()));
      object::set_annotation(object, "kcp.io/cluster", cluster_);
    }
    std::string storage_key = cache::storage_key(table, key);
    transaction_.compares.push_back({storage_key, {}});
    transaction_.writes.push_back({storage_key, registry_.encode(object)});
  }

  Task<> commit() {
    bool all = co_await storage::commit_in_steps(registry_.store(), std::move(transaction_));
    if (all) co_return;
    throw Error::conflict("core.kcp.io", "logicalclusters", cluster_,
                          "another server writes its first content too");
  }

 private:
  registry::Registry& registry_;
  std::string cluster_;
  storage::Transaction transaction_;
};

void add_cluster(Missing& missing, const registry::Registry& registry, std::string_view name,
                 const std::string& server_url) {
  tenancy::NewCluster cluster;
  cluster.name = name;
  cluster.path = name;
  cluster.type_path = tenancy::kRoot;
  cluster.type_name = "root";
  cluster.server_url = server_url;
  cluster.now = registry.clock().now();
  for (auto& one : tenancy::initial_content(cluster)) {
    missing.add(one.group, one.resource, std::move(one.object));
  }
}

void add_policy(Missing& missing) {
  auto policy = json::parse_yaml_stream(schema::embedded_file("bootstrap/policy.yaml"));
  for (json::Value& object : value_or_throw(std::move(policy))) {
    bool role = object["kind"].as_string() == "ClusterRole";
    missing.add("rbac.authorization.k8s.io", role ? "clusterroles" : "clusterrolebindings", object);
  }
}

json::Value simulated_node(const std::string& address, TimePoint now) {
  json::Value node = object::make("v1", "Node", "node-1");
  object::set_label(node, "kubernetes.io/hostname", "node-1");
  node.set("spec", json::Value::object());
  json::Value& status = node.edit("status");
  status.edit("nodeInfo", "kubeletVersion") = "v1.32.0";
  status.set(
      "addresses",
      json::Value::array({json::Value::object({{"type", "InternalIP"}, {"address", address}})}));
  object::set_condition(node, {"Ready", "True", "KubeletReady", "this node is simulated"}, now);
  return node;
}

}  // namespace

Task<> bootstrap_plain_cluster(registry::Registry& registry, std::string node_address) {
  Missing missing(registry, std::string(registry::kPlainCluster));
  for (const char* name : {"default", "kube-system", "kube-public"}) {
    json::Value ns = object::make("v1", "Namespace", name);
    object::set_label(ns, "kubernetes.io/metadata.name", name);
    ns.set("spec", json::Value::object({{"finalizers", json::Value::array({"kubernetes"})}}));
    ns.set("status", json::Value::object({{"phase", "Active"}}));
    missing.add("", "namespaces", std::move(ns));
  }
  add_policy(missing);
  missing.add("", "nodes", simulated_node(node_address, registry.clock().now()));
  json::Value ingress_class = object::make("networking.k8s.io/v1", "IngressClass", "proxy");
  ingress_class.set("spec", json::Value::object({{"controller", "kcp.io/ingress-proxy"}}));
  missing.add("networking.k8s.io", "ingressclasses", std::move(ingress_class));
  co_await missing.commit();
}

Task<> bootstrap_workspaces(registry::Registry& registry, std::string server_url) {
  Missing admin(registry, std::string(tenancy::kAdmin));
  add_cluster(admin, registry, tenancy::kAdmin, server_url);
  add_policy(admin);
  co_await admin.commit();

  Missing root(registry, std::string(tenancy::kRoot));
  add_cluster(root, registry, tenancy::kRoot, server_url);
  for (json::Value& type : tenancy::builtin_types()) {
    root.add("tenancy.kcp.io", "workspacetypes", std::move(type));
  }
  co_await root.commit();
}

}  // namespace controllers
