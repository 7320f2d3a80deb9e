#include "controllers/workload/names.h"

#include "json/patch.h"
#include "object/object.h"

namespace controllers {
namespace {

bool differ_in_heartbeat_only(json::Value before, json::Value after) {
  for (json::Value* one : {&before, &after}) {
    one->edit("status").erase("lastSyncerHeartbeatTime");
    one->edit("metadata").erase("resourceVersion");
  }
  return before == after;
}

bool is_namespaced(const cache::TableId& table) {
  return !(table == kNamespaces || table == kSyncTargets || table == kLocations ||
           table == kPlacements || table == kApiBindings || table == kApiExports);
}

}  // namespace

controller::Source local_source(const Surroundings& around, const cache::TableId& table,
                                std::string version, LocalFeedOptions feed) {
  controller::Source source;
  source.name = table.resource;
  source.resource = {table.group, std::move(version), table.resource, is_namespaced(table)};
  source.write_prefix = "/clusters/";
  source.client = around.admin;
  feed.tables = {table};
  source.make_feed = local_feed(around.registry.objects(), std::move(feed));
  return source;
}

controller::Source sync_target_source(const Surroundings& around) {
  return local_source(around, kSyncTargets, "v1alpha1", {.same = differ_in_heartbeat_only});
}

std::optional<std::string> location_cluster(const server::ClusterResolver& clusters,
                                            const std::string& cluster,
                                            const json::Value& placement) {
  std::string path = placement.at("spec", "locationWorkspace").str();
  return path.empty() ? std::optional(cluster) : clusters.resolve(path);
}

std::vector<controller::Key> keys_of(cache::Cache& cache, const cache::TableId& table,
                                     const std::string& cluster) {
  std::vector<controller::Key> keys;
  for (const auto& item : cache.table(table).list({.cluster = cluster}).items) {
    keys.push_back({table.resource, cluster, std::string(item->ns()), std::string(item->name())});
  }
  return keys;
}

json::Value metadata_patch(const json::Value& before, const json::Value& after) {
  json::Value patch = json::Value::object();
  patch.set("metadata", json::diff_merge_patch(before["metadata"], after["metadata"]));
  patch.edit("metadata").set("resourceVersion", object::resource_version(before));
  return patch;
}

}  // namespace controllers
