// Nobody grants what he does not have: checks of writes to roles and bindings.
#include <fmt/format.h>

#include "auth/covers.h"
#include "base/strings.h"
#include "json/text.h"
#include "registry/rules/rules.h"

namespace registry {
namespace {

constexpr const char* kGroup = "rbac.authorization.k8s.io";

class EscalationCheck final : public Admission {
 public:
  EscalationCheck(Registry& registry, auth::Authorizer& authorizer, std::string base_cluster)
      : registry_(registry), authorizer_(authorizer), base_cluster_(std::move(base_cluster)) {}

  std::string_view name() const override { return "RBACEscalation"; }

  Task<> validate(const Call& call, const json::Value& object, const json::Value& before) override {
    bool relevant = call.kind->group == kGroup && call.kind->builtin && object.is_object() &&
                    !call.user->in_group(auth::kMasters);
    if (!relevant) co_return;
    bool role = call.kind->plural == "roles" || call.kind->plural == "clusterroles";
    for (const char* field : {"rules", "aggregationRule", "roleRef", "subjects"}) {
      if (before.is_null() || before[field] != object[field]) {
        co_return co_await (role ? check_role(call, object, before) : check_binding(call, object));
      }
    }
  }

 private:
  Task<> check_role(const Call& call, const json::Value& object, const json::Value& before) {
    if (co_await may(call, "escalate", call.kind->plural, call.name)) co_return;
    std::vector<auth::Rule> wanted = auth::rules_of(object);
    bool aggregates = object["aggregationRule"].is_object() &&
                      before["aggregationRule"] != object["aggregationRule"];
    if (aggregates) {  // what it will gather is not known: that takes all there is
      wanted.push_back({{"*"}, {"*"}, {"*"}, {}, {}});
      wanted.push_back({{"*"}, {}, {}, {}, {"*"}});
    }
    check_held(call, wanted);
  }

  Task<> check_binding(const Call& call, const json::Value& object) {
    std::string kind = object.at("roleRef", "kind").str(),
                role = object.at("roleRef", "name").str();
    std::string resource = kind == "Role" ? "roles" : "clusterroles";
    if (co_await may(call, "bind", resource, role)) co_return;
    auto& table = registry_.objects().table({kGroup, resource, ""});
    auto item = table.find({call.cluster, kind == "Role" ? call.ns : "", role});
    if (!item && kind != "Role") item = table.find({base_cluster_, "", role});
    if (!item) throw Error::not_found(kGroup, resource, role);
    check_held(call, auth::rules_of(value_or_throw(json::parse(item->json()))));
  }

  Task<bool> may(const Call& call, std::string verb, std::string resource, std::string name) {
    auth::Attributes attributes;
    attributes.user = call.user;
    attributes.verb = std::move(verb);
    attributes.cluster = call.cluster;
    attributes.group = kGroup;
    attributes.version = "v1";
    attributes.resource = std::move(resource);
    attributes.ns = call.ns;
    attributes.name = std::move(name);
    co_return (co_await authorizer_.authorize(attributes)).decision == auth::Decision::Allow;
  }

  void check_held(const Call& call, const std::vector<auth::Rule>& wanted) {
    auto missing =
        auth::missing_rules(authorizer_.rules_for(*call.user, call.cluster, call.ns), wanted);
    if (missing.empty()) return;
    std::vector<std::string> groups, texts;
    for (const std::string& group : call.user->groups) groups.push_back(quote(group));
    for (const auth::Rule& rule : missing) texts.push_back(auth::text_of(rule));
    throw Error::forbidden(
        kGroup, call.kind->plural, call.name,
        fmt::format("user {} (groups=[{}]) is attempting to grant RBAC permissions not currently "
                    "held:\n{}",
                    quote(call.user->name), join(groups, " "), join(texts, "\n")));
  }

  Registry& registry_;
  auth::Authorizer& authorizer_;
  const std::string base_cluster_;
};

}  // namespace

void install_escalation_check(Registry& registry, auth::Authorizer& authorizer,
                              std::string base_cluster) {
  registry.add_admission(
      std::make_shared<EscalationCheck>(registry, authorizer, std::move(base_cluster)));
}

}  // namespace registry
