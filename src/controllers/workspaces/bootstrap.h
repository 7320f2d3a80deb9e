// The content that a control plane begins with: the root workspace, the workspace types, the policy
// that holds in every workspace. Writes only what is missing; safe at every start.
#pragma once

#include <string>

#include "base/task.h"
#include "registry/registry.h"

namespace controllers {

Task<> bootstrap_workspaces(registry::Registry& registry, std::string server_url);
// The same for a plain cluster: its namespaces, policy, ingress class and one simulated node.
Task<> bootstrap_plain_cluster(registry::Registry& registry, std::string node_address);

}  // namespace controllers
