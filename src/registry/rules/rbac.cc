// Roles and bindings.
#include <fmt/format.h>

#include "object/names.h"
#include "registry/rules/rules.h"

namespace registry {
namespace {

class RoleRules final : public Rules {
 public:
  std::vector<Cause> validate(const Call& call, const json::Value& object,
                              const json::Value&) const override {
    std::vector<Cause> causes;
    std::size_t index = 0;
    for (const json::Value& rule : object["rules"].elements()) {
      check_rule(rule, fmt::format("rules[{}]", index++), call.kind->namespaced, causes);
    }
    return causes;
  }

 private:
  static void check_rule(const json::Value& rule, const std::string& path, bool namespaced,
                         std::vector<Cause>& causes) {
    if (rule["verbs"].empty()) {
      causes.push_back(
          object::required_value(path + ".verbs", "verbs must contain at least one value"));
    }
    if (!rule["nonResourceURLs"].empty()) {
      if (namespaced) {
        causes.push_back(
            object::invalid_value(path + ".nonResourceURLs", rule["nonResourceURLs"],
                                  "namespaced rules cannot apply to non-resource URLs"));
      }
      bool both = !rule["apiGroups"].empty() || !rule["resources"].empty() ||
                  !rule["resourceNames"].empty();
      if (both) {
        causes.push_back(object::invalid_value(
            path + ".nonResourceURLs", rule["nonResourceURLs"],
            "rules cannot apply to both regular resources and non-resource URLs"));
      }
      return;
    }
    if (rule["apiGroups"].empty()) {
      causes.push_back(object::required_value(path + ".apiGroups",
                                              "resource rules must supply at least one api group"));
    }
    if (rule["resources"].empty()) {
      causes.push_back(object::required_value(path + ".resources",
                                              "resource rules must supply at least one resource"));
    }
  }
};

class RoleBindingRules final : public Rules {
 public:
  void on_create(const Call&, json::Value& object) const override { settle(object); }
  void on_update(const Call&, json::Value& object, const json::Value&) const override {
    settle(object);
  }
  std::vector<Cause> validate(const Call& call, const json::Value& object,
                              const json::Value& before) const override {
    std::vector<Cause> causes;
    if (!before.is_null() && before["roleRef"] != object["roleRef"]) {
      causes.push_back(
          object::invalid_value("roleRef", object["roleRef"], "cannot change roleRef"));
    }
    if (!call.kind->namespaced && object.at("roleRef", "kind").as_string() == "Role") {
      causes.push_back(
          object::unsupported_value("roleRef.kind", object.at("roleRef", "kind"), {"ClusterRole"}));
    }
    std::size_t index = 0;
    for (const json::Value& subject : object["subjects"].elements()) {
      bool account = subject["kind"].as_string() == "ServiceAccount";
      if (account && !call.kind->namespaced && subject["namespace"].as_string().empty()) {
        causes.push_back(object::required_value(fmt::format("subjects[{}].namespace", index)));
      }
      ++index;
    }
    return causes;
  }

 private:
  static void settle(json::Value& object) {
    for (json::Value& subject : object.edit("subjects").edit_elements()) {
      std::string_view kind = subject["kind"].as_string();
      bool plain = subject["apiGroup"].as_string().empty();
      if (plain && (kind == "User" || kind == "Group")) {
        subject.set("apiGroup", "rbac.authorization.k8s.io");
      }
    }
    if (object["subjects"].is_null()) object.erase("subjects");
  }
};

}  // namespace

std::shared_ptr<Rules> role_rules() { return std::make_shared<RoleRules>(); }
std::shared_ptr<Rules> role_binding_rules() { return std::make_shared<RoleBindingRules>(); }

}  // namespace registry
