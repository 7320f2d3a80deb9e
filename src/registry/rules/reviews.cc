// SelfSubjectReview, SubjectAccessReview and its relatives: questions that are answered, not
// stored.
#include "base/strings.h"
#include "registry/rules/rules.h"

namespace registry {
namespace {

json::Value strings(const std::vector<std::string>& list) {
  json::Value all = json::Value::array();
  for (const std::string& one : list) all.push_back(one);
  return all;
}

auth::Attributes attributes_of(const json::Value& spec, auth::UserPtr user,
                               const std::string& cluster) {
  auth::Attributes attributes;
  attributes.user = std::move(user);
  attributes.cluster = cluster;
  const json::Value& resource = spec["resourceAttributes"];
  attributes.resource_request = resource.is_object();
  if (attributes.resource_request) {
    attributes.verb = resource["verb"].str();
    attributes.group = resource["group"].str();
    attributes.version = resource["version"].str();
    attributes.resource = resource["resource"].str();
    attributes.subresource = resource["subresource"].str();
    attributes.ns = resource["namespace"].str();
    attributes.name = resource["name"].str();
  } else {
    attributes.verb = spec.at("nonResourceAttributes", "verb").str();
    attributes.path = spec.at("nonResourceAttributes", "path").str();
  }
  return attributes;
}

auth::UserPtr user_of(const json::Value& spec) {
  auto user = std::make_shared<auth::User>();
  user->name = spec["user"].str();
  user->uid = spec["uid"].str();
  for (const json::Value& group : spec["groups"].elements()) user->groups.push_back(group.str());
  for (const json::Member& extra : spec["extra"].members()) {
    auto& values = user->extra[lower(extra.key)];
    for (const json::Value& one : extra.value.elements()) values.push_back(one.str());
  }
  return user;
}

// SubjectAccessReview, its local form, and (with `self`) SelfSubjectAccessReview.
class AccessReview final : public Rules {
 public:
  AccessReview(auth::Authorizer& authorizer, bool self) : authorizer_(authorizer), self_(self) {}

  Task<json::Value> review(const Call& call, json::Value object) const override {
    const json::Value& spec = object["spec"];
    bool resource = spec["resourceAttributes"].is_object();
    if (resource == spec["nonResourceAttributes"].is_object()) {
      throw Error::invalid(
          call.kind->group, call.kind->kind, "",
          {{"FieldValueInvalid", "spec.resourceAttributes",
            "Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must "
            "be specified"}});
    }
    auto attributes = attributes_of(spec, self_ ? call.user : user_of(spec), call.cluster);
    if (!call.ns.empty()) attributes.ns = call.ns;
    auto verdict = co_await authorizer_.authorize(attributes);
    json::Value status =
        json::Value::object({{"allowed", verdict.decision == auth::Decision::Allow}});
    if (verdict.decision == auth::Decision::Deny) status.set("denied", true);
    if (!verdict.reason.empty()) status.set("reason", verdict.reason);
    object.set("status", std::move(status));
    co_return object;
  }

 private:
  auth::Authorizer& authorizer_;
  const bool self_;
};

class RulesReview final : public Rules {
 public:
  explicit RulesReview(auth::Authorizer& authorizer) : authorizer_(authorizer) {}

  Task<json::Value> review(const Call& call, json::Value object) const override {
    json::Value resources = json::Value::array(), paths = json::Value::array();
    std::string ns = object.at("spec", "namespace").str();
    for (const auth::Rule& rule : authorizer_.rules_for(*call.user, call.cluster, ns)) {
      if (!rule.non_resource_urls.empty()) {
        paths.push_back(
            json::Value::object({{"verbs", strings(rule.verbs)},
                                 {"nonResourceURLs", strings(rule.non_resource_urls)}}));
      } else {
        resources.push_back(json::Value::object({{"verbs", strings(rule.verbs)},
                                                 {"apiGroups", strings(rule.groups)},
                                                 {"resources", strings(rule.resources)},
                                                 {"resourceNames", strings(rule.resource_names)}}));
      }
    }
    object.set("status", json::Value::object({{"resourceRules", std::move(resources)},
                                              {"nonResourceRules", std::move(paths)},
                                              {"incomplete", false}}));
    co_return object;
  }

 private:
  auth::Authorizer& authorizer_;
};

class WhoAmI final : public Rules {
 public:
  Task<json::Value> review(const Call& call, json::Value object) const override {
    json::Value info = json::Value::object(
        {{"username", call.user->name}, {"groups", strings(call.user->groups)}});
    for (const auto& [key, values] : call.user->extra) info.edit("extra").set(key, strings(values));
    object.set("status", json::Value::object({{"userInfo", std::move(info)}}));
    co_return object;
  }
};

}  // namespace

void install_review_rules(Registry& registry, auth::Authorizer& authorizer) {
  constexpr const char* kGroup = "authorization.k8s.io";
  auto others = std::make_shared<AccessReview>(authorizer, false);
  registry.add_rules({kGroup, "subjectaccessreviews"}, others);
  registry.add_rules({kGroup, "localsubjectaccessreviews"}, others);
  registry.add_rules({kGroup, "selfsubjectaccessreviews"},
                     std::make_shared<AccessReview>(authorizer, true));
  registry.add_rules({kGroup, "selfsubjectrulesreviews"},
                     std::make_shared<RulesReview>(authorizer));
  registry.add_rules({"authentication.k8s.io", "selfsubjectreviews"}, std::make_shared<WhoAmI>());
}

}  // namespace registry
