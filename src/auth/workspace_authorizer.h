// Access to a workspace comes before everything in it: without the verb `access` on "/" in the
// logical cluster's own policy a user sees nothing there, not even what it serves. A cluster's own
// service accounts have access. What providers do not permit their consumers is denied before the
// cluster's own policy is asked. Thread-safe.
// Source: reference kcp-tenancy.md 3.6; kcp-apis.md 1.7.
#pragma once

#include <memory>

#include "auth/authorizer.h"
#include "auth/permission_policies.h"
#include "cache/cache.h"

namespace auth {

// `base_cluster` holds the policy that is valid in every workspace that a user has access to.
std::unique_ptr<Authorizer> make_workspace_authorizer(
    cache::Cache& cache, std::string base_cluster,
    std::shared_ptr<const PermissionPolicies> policies);

}  // namespace auth
