// The workspace that a command works in, and what commands wait for there.
#pragma once

#include <functional>
#include <string>

#include "client/client.h"
#include "cmd/plugin/kubeconfig.h"
#include "cmd/plugin/workspace_path.h"
#include "net/loop.h"

namespace plugin {

inline const client::Resource kSyncTargets{"workload.kcp.io", "v1alpha1", "synctargets", false};
inline const client::Resource kPlacements{"scheduling.kcp.io", "v1alpha1", "placements", false};
inline const client::Resource kSchemas{"apis.kcp.io", "v1alpha1", "apiresourceschemas", false};
inline const client::Resource kExports{"apis.kcp.io", "v1alpha2", "apiexports", false};
inline const client::Resource kBindings{"apis.kcp.io", "v1alpha2", "apibindings", false};

struct Session {
  Kubeconfig config;
  WorkspaceUrl workspace;
  client::Client client;  // at the workspace

  std::string path_of(const std::string& other) const { return "/clusters/" + other; }
};

// The current context's workspace, or the one that `typed` means from there (-w). Throws Error if
// the context points to none.
Session open_session(net::IoLoop& loop, const std::string& typed);

// The object; NotFound that names `next_step` if it is not there.
Task<json::Value> get_object(client::Client& client, client::Resource resource, std::string name,
                             std::string next_step);

// Looks twice a second until `done` holds. Timeout with the object's own explanation (the message
// of a condition that is not True) if it never does.
Task<json::Value> wait_for(client::Client& client, client::Resource resource, std::string name,
                           Duration patience, std::function<bool(const json::Value&)> done,
                           std::string wanted);

// "<reason>: <message>" of the first condition that is not True; "" if all are.
std::string explanation(const json::Value& object);

// A table as kubectl prints it.
std::string table_text(const std::vector<std::vector<std::string>>& rows);

}  // namespace plugin
