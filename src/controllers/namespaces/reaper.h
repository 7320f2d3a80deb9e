// Finishes namespaces that are being deleted while some of their content has finalizers: asks for
// the deletion of everything in them, and removes the namespace once nothing is left. Namespaces
// whose content has none go in one transaction and never come here. Level-triggered; one for all
// clusters. Source: reference kube-apiserver.md 10.1.
#pragma once

#include "base/task.h"
#include "registry/registry.h"

namespace controllers {

// Runs until cancelled.
Task<> reap_namespaces(registry::Registry& registry);

}  // namespace controllers
