#include "controllers/api_sharing/claim_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "auth/covers.h"
#include "base/strings.h"
#include "controllers/api_sharing/context.h"
#include "sharing/claims.h"

namespace controllers {
namespace {

using json::Value;

constexpr const char* kRbac = "rbac.authorization.k8s.io";

bool was_accepted(const Value& before, const Value& answer) {
  auto all = before.at("spec", "permissionClaims").elements();
  return std::ranges::find(all, answer) != all.end();
}

// The permissions that accepted claims give away, of those that `before` did not give yet.
std::vector<auth::Rule> given_away(const Value& object, const Value& before) {
  std::vector<auth::Rule> rules;
  bool roles = false;
  for (const Value& answer : object.at("spec", "permissionClaims").elements()) {
    if (!sharing::is_accepted(answer) || was_accepted(before, answer)) continue;
    sharing::Claim claim = sharing::claim_of(answer);
    auth::Rule rule;
    for (const Value& verb : answer["verbs"].elements()) rule.verbs.push_back(verb.str());
    rule.groups = {claim.group};
    rule.resources = {claim.resource};
    rules.push_back(std::move(rule));
    roles = roles || claim.group == kRbac;
  }
  if (roles) rules.push_back({{"bind", "escalate"}, {kRbac}, {"roles", "clusterroles"}, {}, {}});
  return rules;
}

class ClaimCheck final : public registry::Admission {
 public:
  explicit ClaimCheck(auth::Authorizer& authorizer) : authorizer_(authorizer) {}
  std::string_view name() const override { return "apis.kcp.io/PermissionClaimsHeld"; }

  Task<> validate(const registry::Call& call, const Value& object, const Value& before) override {
    bool relevant = call.kind->table() == kBindings && object.is_object() && !is_by_system(call);
    if (!relevant) co_return;
    auto wanted = given_away(object, before);
    if (wanted.empty()) co_return;
    auth::UserPtr user = acting_user(call.user);
    auto missing = auth::missing_rules(authorizer_.rules_for(*user, call.cluster, ""), wanted);
    if (missing.empty()) co_return;
    std::vector<std::string> texts;
    for (const auth::Rule& rule : missing) texts.push_back(auth::text_of(rule));
    throw Error::forbidden(
        kBindings.group, kBindings.resource, object::name(object),
        fmt::format("user {} is attempting to accept permission claims for permissions not "
                    "currently held:\n{}",
                    quote(user->name), join(texts, "\n")));
  }

 private:
  auth::Authorizer& authorizer_;
};

}  // namespace

std::shared_ptr<registry::Admission> claim_check(auth::Authorizer& authorizer) {
  return std::make_shared<ClaimCheck>(authorizer);
}

}  // namespace controllers
