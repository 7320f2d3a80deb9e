#include "registry/rules/rules.h"

namespace registry {

void install_builtin_rules(Registry& registry) {
  constexpr const char* kRbac = "rbac.authorization.k8s.io";
  registry.add_rules({"", "namespaces"}, namespace_rules(registry));
  registry.add_rules({"", "secrets"}, secret_rules());
  registry.add_rules({"", "configmaps"}, config_map_rules());
  registry.add_rules({kRbac, "roles"}, role_rules());
  registry.add_rules({kRbac, "clusterroles"}, role_rules());
  registry.add_rules({kRbac, "rolebindings"}, role_binding_rules());
  registry.add_rules({kRbac, "clusterrolebindings"}, role_binding_rules());
  registry.add_rules({"apiextensions.k8s.io", "customresourcedefinitions"}, crd_rules(registry));
}

}  // namespace registry
