// What the playground begins with: physical clusters registered in root:compute, the load
// balancer's home in root:glbc, and root:demo, a workspace bound to both. Made at the first start;
// at later ones only what is missing.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/task.h"
#include "client/client.h"

namespace cmd {

inline constexpr const char* kComputeWorkspace = "root:compute";
inline constexpr const char* kGlbcWorkspace = "root:glbc";
inline constexpr const char* kDemoWorkspace = "root:demo";

// The names that the playground's own parts have as users of the control plane.
std::string syncer_user(const std::string& cluster);  // "system:kcp:syncer:east"
inline constexpr const char* kGlbcUser = "system:kcp:glbc";

// `shard` is an administrator's client with the base path "". Returns the uids of the clusters'
// SyncTargets.
Task<std::map<std::string, std::string>> prepare_playground(std::shared_ptr<client::Client> shard,
                                                            std::vector<std::string> clusters);

}  // namespace cmd
