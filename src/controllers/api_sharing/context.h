// What the rules of API sharing have in common: where things are, and how references are followed.
// Thread-safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "registry/registry.h"
#include "server/server.h"

namespace controllers {

inline const cache::TableId kExports{"apis.kcp.io", "apiexports", ""};
inline const cache::TableId kBindings{"apis.kcp.io", "apibindings", ""};
inline const cache::TableId kSchemas{"apis.kcp.io", "apiresourceschemas", ""};
inline const cache::TableId kSlices{"apis.kcp.io", "apiexportendpointslices", ""};

struct SharingContext {
  registry::Registry& registry;
  const server::ClusterResolver& clusters;
  std::string server_url;  // "https://127.0.0.1:6443"

  // The stored object, or null.
  json::Value object(const cache::TableId& table, const cache::Key& key) const;
  // All stored objects of a table in one cluster, but those called `except`.
  std::vector<json::Value> objects(const cache::TableId& table, const std::string& cluster,
                                   std::string_view except = {}) const;
  // Where an export's objects are served to its provider.
  std::string view_url(std::string_view cluster, std::string_view export_name) const;
};

struct FoundExport {
  std::string cluster;
  json::Value object;
  std::string name() const { return object::name(object); }
  std::string identity() const { return object.at("status", "identityHash").str(); }
};
// The export at {path, name}; "" as path means `own_cluster`.
std::optional<FoundExport> find_export(const SharingContext& context,
                                       const std::string& own_cluster,
                                       const json::Value& reference);
// The export of a binding. Once bound it is looked for where it was found first: a workspace made
// anew at the same path is another provider, whom nobody has agreed to.
std::optional<FoundExport> find_export_of(const SharingContext& context,
                                          const std::string& own_cluster,
                                          const json::Value& binding);

// Whom a write is to be judged as: of one that came through a provider's view the provider, though
// it is done in the name of the system.
auth::UserPtr acting_user(const auth::UserPtr& user);
// Whether nobody but the system itself or an administrator is behind it.
bool is_by_system(const registry::Call& call);

// Refuses a user's write of the status, which is what access is decided by.
void keep_status_to_the_system(const registry::Call& call, const json::Value& object);

}  // namespace controllers
