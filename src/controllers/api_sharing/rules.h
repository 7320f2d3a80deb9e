// API sharing: APIResourceSchemas, APIExports with their identity, APIBindings. A binding is Bound
// in the reply of its creation, and what it binds is served by the next request. Source: reference
// kcp-apis.md 1.2 to 1.9.
#pragma once

#include <memory>

#include "auth/authorizer.h"
#include "registry/registry.h"
#include "server/server.h"

namespace controllers {

// Installs the rules and the check that a user may bind to an export (verb `bind` on it, in the
// provider's workspace). Everything must outlive the registry.
void install_api_sharing(registry::Registry& registry, const server::ClusterResolver& clusters,
                         auth::Authorizer& authorizer);

}  // namespace controllers
