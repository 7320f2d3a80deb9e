// Garbage collection by owner references: an object whose owners have all gone goes too; the
// finalizers foregroundDeletion and orphan are worked off. One collector for all logical clusters;
// an owner is only ever looked for in its dependent's own. Level-triggered: it goes on from what is
// stored. Source: reference kcp-apis.md 5.2; the documented behaviour of Kubernetes'
// garbage collector.
#pragma once

#include <memory>

#include "base/task.h"
#include "controllers/garbage/index.h"
#include "registry/registry.h"

namespace controllers {

// The index that the collector works from, fed from now on. Before requests are served.
std::shared_ptr<OwnerIndex> make_owner_index(cache::Cache& cache);

// Runs until cancelled.
Task<> collect_garbage(registry::Registry& registry, std::shared_ptr<OwnerIndex> index);

}  // namespace controllers
