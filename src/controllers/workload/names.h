// The tables and sources that the workload controllers share.
#pragma once

#include <memory>
#include <string>

#include "cache/cache.h"
#include "client/client.h"
#include "controllers/local_feed.h"
#include "registry/registry.h"
#include "server/server.h"

namespace controllers {

inline const cache::TableId kSyncTargets{"workload.kcp.io", "synctargets", ""};
inline const cache::TableId kLocations{"scheduling.kcp.io", "locations", ""};
inline const cache::TableId kPlacements{"scheduling.kcp.io", "placements", ""};
inline const cache::TableId kNamespaces{"", "namespaces", ""};
inline const cache::TableId kApiBindings{"apis.kcp.io", "apibindings", ""};
inline const cache::TableId kApiExports{"apis.kcp.io", "apiexports", ""};
inline constexpr std::string_view kControllersUser = "system:controllers";  // of the admin client

// What every controller here works with; all of it outlives them.
struct Surroundings {
  registry::Registry& registry;
  std::shared_ptr<client::Client> admin;
  const server::ClusterResolver& clusters;
};

// A source named after `table`'s resource, over the server's own cache.
controller::Source local_source(const Surroundings& around, const cache::TableId& table,
                                std::string version, LocalFeedOptions feed = {});
// The SyncTargets of all clusters; heartbeats alone are not reported.
controller::Source sync_target_source(const Surroundings& around);

// The logical cluster whose Locations `placement` in `cluster` asks for; nothing if there is none.
std::optional<std::string> location_cluster(const server::ClusterResolver& clusters,
                                            const std::string& cluster,
                                            const json::Value& placement);

// The objects of one cluster as keys of a source, without parsing.
std::vector<controller::Key> keys_of(cache::Cache& cache, const cache::TableId& table,
                                     const std::string& cluster);

// The merge patch of metadata that makes `before` into `after`, refused if the object has changed.
json::Value metadata_patch(const json::Value& before, const json::Value& after);

}  // namespace controllers
