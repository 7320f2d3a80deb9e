#include "auth/workspace_authorizer.h"

#include "auth/accounts.h"
#include "auth/rbac.h"

namespace auth {
namespace {

class WorkspaceAuthorizer final : public Authorizer {
 public:
  WorkspaceAuthorizer(cache::Cache& cache, const std::string& base_cluster)
      : access_(make_rbac(cache, {.base_cluster = base_cluster, .local_bindings_only = true})),
        content_(make_rbac(cache, {.base_cluster = base_cluster})) {}

  Task<Verdict> authorize(const Attributes& attributes) override {
    if (attributes.user->in_group(kMasters)) co_return Verdict{Decision::Allow, ""};
    Verdict denied{Decision::NoOpinion, "access denied"};
    bool reachable = !attributes.cluster.empty() && attributes.cluster != "*" &&
                     !attributes.cluster.starts_with("system:");
    if (!reachable) co_return denied;
    if (attributes.deep) co_return co_await content_->authorize(attributes);
    bool local = is_service_account(*attributes.user) &&
                 !foreign_identity(*attributes.user, attributes.cluster);
    if (local) co_return co_await content_->authorize(attributes);
    Attributes access;
    access.user = attributes.user;
    access.cluster = attributes.cluster;
    access.verb = "access";
    access.resource_request = false;
    access.path = "/";
    auto verdict = co_await access_->authorize(access);
    if (verdict.decision != Decision::Allow) co_return denied;
    co_return co_await content_->authorize(attributes);
  }

  std::vector<Rule> rules_for(const User& user, std::string_view cluster,
                              std::string_view ns) override {
    return content_->rules_for(user, cluster, ns);
  }

 private:
  std::unique_ptr<Authorizer> access_;
  std::unique_ptr<Authorizer> content_;
};

}  // namespace

std::unique_ptr<Authorizer> make_workspace_authorizer(cache::Cache& cache,
                                                      std::string base_cluster) {
  return std::make_unique<WorkspaceAuthorizer>(cache, base_cluster);
}

}  // namespace auth
