// What data cannot say about the built-in kinds: one file per kind, one list.
#pragma once

#include "auth/authorizer.h"
#include "registry/registry.h"

namespace registry {

// Namespaces, secrets, config maps, RBAC objects, custom resource definitions.
void install_builtin_rules(Registry& registry);
// Access reviews, answered by `authorizer`, which must outlive the registry.
void install_review_rules(Registry& registry, auth::Authorizer& authorizer);

std::shared_ptr<Rules> namespace_rules(Registry& registry);
std::shared_ptr<Rules> secret_rules();
std::shared_ptr<Rules> config_map_rules();
std::shared_ptr<Rules> role_rules();
std::shared_ptr<Rules> role_binding_rules();
std::shared_ptr<Rules> crd_rules(Registry& registry);

}  // namespace registry
