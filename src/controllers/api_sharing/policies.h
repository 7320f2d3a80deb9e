// Which exports bound what their consumers may do. Nothing is kept per consumer: bindings are read
// when a resource is asked about, and only while there is an export with a policy at all.
// Thread-safe. Source: reference kcp-apis.md 1.7.
#pragma once

#include <memory>

#include "auth/permission_policies.h"
#include "cache/cache.h"

namespace controllers {

// Start-up only; `cache` must outlive it.
std::shared_ptr<const auth::PermissionPolicies> make_permission_policies(cache::Cache& cache);

}  // namespace controllers
