// The plugin's commands. Each returns the exit status; failures are thrown as Error.
#pragma once

#include <string>
#include <vector>

#include "base/task.h"
#include "client/client.h"
#include "cmd/plugin/kubeconfig.h"
#include "net/loop.h"

namespace plugin {

using Arguments = std::vector<std::string>;

// kubectl ws ...: switch, print, tree, create.
Task<int> workspace_command(net::IoLoop& loop, Kubeconfig config, Arguments arguments);
// kubectl create-workspace NAME ...
Task<int> create_command(net::IoLoop& loop, Kubeconfig config, Arguments arguments);
// kubectl ws tree
Task<int> tree_command(net::IoLoop& loop, Kubeconfig config, Arguments arguments);

// kubectl kcp workload|bind|claims|usage ...; they read the kubeconfig themselves, after the flags.
Task<int> workload_command(net::IoLoop& loop, Arguments arguments);
Task<int> bind_command(net::IoLoop& loop, Arguments arguments);
Task<int> claims_command(net::IoLoop& loop, Arguments arguments);
Task<int> usage_command(net::IoLoop& loop, Arguments arguments);

std::string_view workspace_help();
std::string_view create_help();

// Shared: switches to `path` after making sure that it is there; prints where we are.
Task<> enter(net::IoLoop& loop, Kubeconfig& config, std::string path);
std::string current_text(const std::string& path, const std::string& type);

inline const client::Resource kWorkspaces{"tenancy.kcp.io", "v1alpha1", "workspaces", false};
inline const client::Resource kLogicalClusters{"core.kcp.io", "v1alpha1", "logicalclusters", false};

}  // namespace plugin
