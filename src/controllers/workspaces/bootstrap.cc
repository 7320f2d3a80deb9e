#include "controllers/workspaces/bootstrap.h"

#include "base/random.h"
#include "json/text.h"
#include "object/object.h"
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
    if (transaction_.writes.empty()) co_return;
    co_await registry_.commit_raw(std::move(transaction_));
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

}  // namespace

Task<> bootstrap_workspaces(registry::Registry& registry, std::string server_url) {
  Missing admin(registry, std::string(tenancy::kAdmin));
  add_cluster(admin, registry, tenancy::kAdmin, server_url);
  auto policy = json::parse_yaml_stream(schema::embedded_file("bootstrap/policy.yaml"));
  for (json::Value& object : value_or_throw(std::move(policy))) {
    bool role = object["kind"].as_string() == "ClusterRole";
    admin.add("rbac.authorization.k8s.io", role ? "clusterroles" : "clusterrolebindings", object);
  }
  co_await admin.commit();

  Missing root(registry, std::string(tenancy::kRoot));
  add_cluster(root, registry, tenancy::kRoot, server_url);
  for (json::Value& type : tenancy::builtin_types()) {
    root.add("tenancy.kcp.io", "workspacetypes", std::move(type));
  }
  co_await root.commit();
}

}  // namespace controllers
