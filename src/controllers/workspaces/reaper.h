// Removes the content of workspaces that are being deleted: child workspaces first; then objects
// with finalizers, whose owners still reach them through their views; then the rest of the logical
// cluster's key range in bounded transactions; the Workspace itself last. Level-triggered: it can
// be stopped at any instruction and goes on from what is stored.
#pragma once

#include "base/task.h"
#include "registry/registry.h"

namespace controllers {

// Runs until cancelled.
Task<> reap_workspaces(registry::Registry& registry);

}  // namespace controllers
