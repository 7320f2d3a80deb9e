// The workload layer's part in the server: from SyncTargets, Locations and Placements to labels on
// Namespaces and on what is in them, which the syncers' view acts upon.
// Source: reference tmc.md 1 and 2.
#pragma once

#include <memory>
#include <string>

#include "auth/authorizer.h"
#include "base/clock.h"
#include "base/task.h"
#include "client/client.h"
#include "registry/registry.h"
#include "server/server.h"

namespace controllers {

struct WorkloadOptions {
  std::string server_url;              // "https://127.0.0.1:6443": in front of /services/
  Duration heartbeat_threshold = 60s;  // a SyncTarget that is silent for longer is not ready
  Duration lost_toleration = 5min;     // how long a SyncTarget that is not ready keeps its work
  // At most one Placement per location workspace is moved in this time for a lost SyncTarget.
  Duration eviction_interval = 10s;
  Duration move_patience = 10min;  // how long a losing cluster waits for the winner to serve
};

// Runs all of them until cancelled. `admin` is bound to no logical cluster. Everything referred to
// must outlive the task.
Task<> run_workload_controllers(registry::Registry& registry, std::shared_ptr<client::Client> admin,
                                const server::ClusterResolver& clusters, WorkloadOptions options);

// What is special about writing SyncTargets, Locations and Placements. Who makes a Placement on
// another workspace's Locations needs the verb `get` on `locations` there. Start-up only.
void install_workload_rules(registry::Registry& registry, const server::ClusterResolver& clusters,
                            auth::Authorizer& authorizer);

}  // namespace controllers
