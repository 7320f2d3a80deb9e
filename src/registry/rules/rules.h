// What data cannot say about the built-in kinds: one file per kind, one list.
#pragma once

#include "auth/authenticator.h"
#include "auth/authorizer.h"
#include "registry/registry.h"

namespace registry {

// On a definition that is being removed while its instances go in steps.
inline constexpr const char* kCrdCleanup = "customresourcecleanup.apiextensions.k8s.io";

// Namespaces, secrets, config maps, RBAC objects, custom resource definitions.
void install_builtin_rules(Registry& registry);
// Access reviews, answered by `authorizer`, which must outlive the registry.
void install_review_rules(Registry& registry, auth::Authorizer& authorizer);
// Nobody grants what he does not have. ClusterRoles of `base_cluster` may be bound everywhere.
void install_escalation_check(Registry& registry, auth::Authorizer& authorizer,
                              std::string base_cluster);
// Tokens of service accounts; `ca_pem` is what their Secrets carry as ca.crt. References must
// outlive the registry.
void install_service_account_rules(Registry& registry, const auth::Authenticator& authenticator,
                                   const auth::AccountTokens& tokens, std::string ca_pem);

std::shared_ptr<Rules> namespace_rules(Registry& registry);
std::shared_ptr<Rules> secret_rules();
std::shared_ptr<Rules> config_map_rules();
std::shared_ptr<Rules> role_rules();
std::shared_ptr<Rules> role_binding_rules();
std::shared_ptr<Rules> crd_rules(Registry& registry);

}  // namespace registry
