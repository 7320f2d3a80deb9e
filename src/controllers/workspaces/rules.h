// What is special about creating and deleting Workspaces: a workspace, its logical cluster and all
// initial content are one transaction, and it is Ready in the reply; deleting one hides it at once,
// its content is removed by the WorkspaceReaper (reaper.h).
#pragma once

#include <memory>
#include <string>

#include "registry/registry.h"

namespace controllers {

inline constexpr std::string_view kWorkspaceFinalizer = "core.kcp.io/logicalcluster";

std::shared_ptr<registry::Rules> workspace_rules(registry::Registry& registry,
                                                 std::string server_url);
// LogicalClusters are made by the system only.
std::shared_ptr<registry::Rules> logical_cluster_rules();

}  // namespace controllers
