#include "auth/workspace_authorizer.h"

#include "auth/accounts.h"
#include "auth/rbac.h"

namespace auth {
namespace {

class WorkspaceAuthorizer final : public Authorizer {
 public:
  WorkspaceAuthorizer(cache::Cache& cache, const std::string& base_cluster,
                      std::shared_ptr<const PermissionPolicies> policies)
      : access_(make_rbac(cache, {.base_cluster = base_cluster, .local_bindings_only = true})),
        content_(make_rbac(cache, {.base_cluster = base_cluster})),
        policies_(std::move(policies)) {}

  Task<Verdict> authorize(const Attributes& attributes) override {
    if (attributes.user->in_group(kMasters)) co_return Verdict{Decision::Allow, ""};
    Verdict denied{Decision::NoOpinion, "access denied"};
    bool reachable = !attributes.cluster.empty() && attributes.cluster != "*" &&
                     !attributes.cluster.starts_with("system:");
    if (!reachable) co_return denied;
    if (attributes.deep) co_return co_await content_->authorize(attributes);
    bool local = is_service_account(*attributes.user) &&
                 !foreign_identity(*attributes.user, attributes.cluster);
    if (!local && !co_await may_enter(attributes)) co_return denied;
    if (!co_await provider_permits(attributes)) {
      co_return Verdict{Decision::Deny, "not permitted by the provider of the API"};
    }
    co_return co_await content_->authorize(attributes);
  }

  std::vector<Rule> rules_for(const User& user, std::string_view cluster,
                              std::string_view ns) override {
    return content_->rules_for(user, cluster, ns);
  }

 private:
  Task<bool> may_enter(const Attributes& attributes) {
    Attributes access;
    access.user = attributes.user;
    access.cluster = attributes.cluster;
    access.verb = "access";
    access.resource_request = false;
    access.path = "/";
    co_return (co_await access_->authorize(access)).decision == Decision::Allow;
  }

  // Whether the provider of a bound resource lets its consumers do this.
  Task<bool> provider_permits(const Attributes& attributes) {
    if (!policies_ || !attributes.resource_request) co_return true;
    auto provider =
        policies_->bounding_cluster(attributes.cluster, attributes.group, attributes.resource);
    if (!provider) co_return true;
    Attributes there = attributes;
    there.user = as_consumer(*attributes.user);
    there.cluster = std::move(*provider);
    co_return (co_await content_->authorize(there)).decision == Decision::Allow;
  }

  std::unique_ptr<Authorizer> access_;
  std::unique_ptr<Authorizer> content_;
  std::shared_ptr<const PermissionPolicies> policies_;
};

}  // namespace

std::unique_ptr<Authorizer> make_workspace_authorizer(
    cache::Cache& cache, std::string base_cluster,
    std::shared_ptr<const PermissionPolicies> policies) {
  return std::make_unique<WorkspaceAuthorizer>(cache, base_cluster, std::move(policies));
}

}  // namespace auth
