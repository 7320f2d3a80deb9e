// The virtual workspace `apiexport`: a provider's view of its consumers, below
// /services/apiexport/<cluster>/<export>/clusters/<consumer|*>/. It shows the objects of the
// exported resources and, of the claimed ones, those that carry the claim's label. Bytes pass
// through; what is added are a resource's identity and a label selector. Source: reference
// kcp-apis.md 3.2 to 3.4.
#pragma once

#include <memory>

#include "auth/authorizer.h"
#include "registry/registry.h"
#include "virtual_workspaces/virtual_workspace.h"

namespace virtual_workspaces {

// Start-up only. Everything referred to must outlive the workspace; it listens to the cache.
std::shared_ptr<VirtualWorkspace> make_api_export_workspace(registry::Registry& registry,
                                                            auth::Authorizer& authorizer,
                                                            Shard shard);

}  // namespace virtual_workspaces
