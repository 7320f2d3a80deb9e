// The virtual workspace "syncer": one SyncTarget's objects in all logical clusters, as its syncer
// is to see them. Address: /services/syncer/<cluster>/<synctarget>/<uid>/clusters/<c or *>/...
// It offers namespaces, configmaps, secrets and what the SyncTarget syncs, restricted to objects
// labelled for it, to whoever has the verb "sync" on the SyncTarget. What is shown and what becomes
// of a write: placement/view.h. Source: reference tmc.md 3.12.
#pragma once

#include <memory>
#include <string>

#include "auth/authorizer.h"
#include "registry/registry.h"
#include "virtual_workspaces/virtual_workspace.h"

namespace virtual_workspaces {

struct SyncerOptions {
  registry::Registry& registry;  // must outlive the workspace, as must the authorizer
  auth::Authorizer& authorizer;
  Shard shard;
  std::string url;  // of the shard, as clients reach it: "https://127.0.0.1:6443"
};
std::shared_ptr<VirtualWorkspace> make_syncer_workspace(SyncerOptions options);

}  // namespace virtual_workspaces
