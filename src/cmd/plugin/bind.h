// kubectl kcp bind: making what other workspaces offer available in this one.
#pragma once

#include "cmd/plugin/commands.h"
#include "cmd/plugin/options.h"

namespace plugin {

Task<int> bind_apiexport(net::IoLoop& loop, Arguments arguments);
Task<int> bind_compute(net::IoLoop& loop, Arguments arguments);

// An APIBinding, without answers to claims.
json::Value binding_to(const ExportName& wanted, const std::string& name);
Task<json::Value> wait_until_bound(client::Client& client, std::string name, Duration patience);

// Whether `binding` binds `wanted`, seen from the workspace at `own_path`; `wanted_cluster` is the
// logical cluster of its path, "" if that is not known.
bool binds(const json::Value& binding, const ExportName& wanted, const std::string& own_path,
           const std::string& wanted_cluster);

}  // namespace plugin
