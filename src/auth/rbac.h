// Role-based access control, one evaluator for all logical clusters: roles and bindings are read
// from the cache's tables at each decision, so nothing is kept per cluster. Members of
// system:masters may do everything; a service account of another cluster is who accounts.h says it
// is there. Thread-safe. Source: reference kube-apiserver.md 8.3.
#pragma once

#include <functional>
#include <memory>

#include "auth/authorizer.h"
#include "cache/cache.h"

namespace auth {

struct RbacOptions {
  // The cluster whose ClusterRoles and ClusterRoleBindings hold in every cluster too; "" = none.
  std::string base_cluster;
  // Bindings of the base cluster do not count; its ClusterRoles may still be referred to.
  bool local_bindings_only = false;
};

std::unique_ptr<Authorizer> make_rbac(cache::Cache& cache, RbacOptions options);

}  // namespace auth
