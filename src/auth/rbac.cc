#include "auth/rbac.h"

#include <algorithm>

#include "auth/accounts.h"
#include "base/strings.h"
#include "json/text.h"

namespace auth {
namespace {

constexpr std::string_view kGroup = "rbac.authorization.k8s.io";

bool has(const json::Value& list, std::string_view wanted) {
  return std::ranges::any_of(list.elements(), [&](const json::Value& one) {
    return one.as_string() == wanted || one.as_string() == "*";
  });
}

bool path_matches(std::string_view pattern, std::string_view path) {
  if (pattern == "*" || pattern == path) return true;
  return pattern.ends_with('*') && path.starts_with(pattern.substr(0, pattern.size() - 1));
}

bool resource_matches(const json::Value& resources, const Attributes& a) {
  std::string wanted = a.subresource.empty() ? a.resource : a.resource + "/" + a.subresource;
  return std::ranges::any_of(resources.elements(), [&](const json::Value& one) {
    std::string_view text = one.as_string();
    if (text == "*" || text == wanted) return true;
    return !a.subresource.empty() && text.starts_with("*/") && text.substr(2) == a.subresource;
  });
}

bool rule_allows(const json::Value& rule, const Attributes& a) {
  if (!has(rule["verbs"], a.verb)) return false;
  if (!a.resource_request) {
    return std::ranges::any_of(rule["nonResourceURLs"].elements(), [&](const json::Value& one) {
      return path_matches(one.as_string(), a.path);
    });
  }
  if (!has(rule["apiGroups"], a.group) || !resource_matches(rule["resources"], a)) return false;
  auto names = rule["resourceNames"].elements();
  return names.empty() || std::ranges::any_of(names, [&](const json::Value& one) {
           return one.as_string() == a.name;
         });
}

bool subject_is(const json::Value& subject, const User& user, std::string_view binding_ns) {
  std::string_view kind = subject["kind"].as_string(), name = subject["name"].as_string();
  if (kind == "User") return user.name == name;
  if (kind == "Group") return user.in_group(name);
  std::string_view ns = subject["namespace"].as_string(binding_ns);
  return kind == "ServiceAccount" && user.name.starts_with(kAccountPrefix) &&
         user.name == std::string(kAccountPrefix) + std::string(ns) + ":" + std::string(name);
}

std::vector<std::string> strings_of(const json::Value& list) {
  std::vector<std::string> all;
  for (const json::Value& one : list.elements()) all.push_back(one.str());
  return all;
}

class Rbac final : public Authorizer {
 public:
  Rbac(cache::Cache& cache, RbacOptions options) : cache_(cache), options_(std::move(options)) {}

  Task<Verdict> authorize(const Attributes& a) override {
    if (a.user->in_group(kMasters)) co_return Verdict{Decision::Allow, ""};
    bool allowed = false;
    std::string reason;
    visit(*a.user, a.cluster, a.ns, [&](const json::Value& rule, const std::string& why) {
      if (!rule_allows(rule, a)) return true;
      allowed = true;
      reason = "RBAC: allowed by " + why;
      return false;
    });
    co_return Verdict{allowed ? Decision::Allow : Decision::NoOpinion, reason};
  }

  std::vector<Rule> rules_for(const User& user, std::string_view cluster,
                              std::string_view ns) override {
    std::vector<Rule> rules;
    if (user.in_group(kMasters)) {
      rules.push_back({{"*"}, {"*"}, {"*"}, {}, {}});
      rules.push_back({{"*"}, {}, {}, {}, {"*"}});
      return rules;
    }
    visit(user, std::string(cluster), std::string(ns),
          [&](const json::Value& rule, const std::string&) {
            rules.push_back({strings_of(rule["verbs"]), strings_of(rule["apiGroups"]),
                             strings_of(rule["resources"]), strings_of(rule["resourceNames"]),
                             strings_of(rule["nonResourceURLs"])});
            return true;
          });
    return rules;
  }

 private:
  using Visitor = std::function<bool(const json::Value& rule, const std::string& why)>;

  cache::Table& table(const char* resource) {
    return cache_.table({std::string(kGroup), resource, ""});
  }

  // Calls `visit_rule` for each rule that applies to the user, until it returns false. Bindings of
  // a cluster mean that cluster's own service accounts, also those of the base cluster.
  void visit(const User& user, const std::string& cluster, const std::string& ns,
             const Visitor& visit_rule) {
    if (cluster.empty()) return;  // a filter by no cluster would mean all of them
    std::vector<std::string> clusters{cluster};
    bool also_base = !options_.base_cluster.empty() && !options_.local_bindings_only;
    if (also_base && cluster != options_.base_cluster) {
      clusters.push_back(options_.base_cluster);
    }
    for (const std::string& place : clusters) {
      if (!visit_bindings(user, "clusterrolebindings", place, "", visit_rule)) return;
    }
    if (!ns.empty()) visit_bindings(user, "rolebindings", cluster, ns, visit_rule);
  }

  bool visit_bindings(const User& asking, const char* resource, const std::string& cluster,
                      const std::string& ns, const Visitor& visit_rule) {
    UserPtr foreign = foreign_identity(asking, cluster);
    const User& user = foreign ? *foreign : asking;
    cache::Filter filter{.cluster = cluster, .ns = ns};
    for (const auto& item : table(resource).list(filter).items) {
      auto binding = json::parse(item->json());
      if (!binding) continue;
      bool mine = std::ranges::any_of((*binding)["subjects"].elements(), [&](const json::Value& s) {
        return subject_is(s, user, ns);
      });
      if (!mine) continue;
      std::string why = std::string(ns.empty() ? "ClusterRoleBinding " : "RoleBinding ") +
                        quote(item->name()) + " of " + (*binding).at("roleRef", "kind").str() +
                        " " + quote((*binding).at("roleRef", "name").as_string());
      json::Value role = find_role((*binding)["roleRef"], cluster, ns);
      for (const json::Value& rule : role["rules"].elements()) {
        if (!visit_rule(rule, why)) return false;
      }
    }
    return true;
  }

  json::Value find_role(const json::Value& reference, const std::string& cluster,
                        const std::string& ns) {
    std::string name = reference["name"].str();
    bool local = reference["kind"].as_string() == "Role";
    cache::ItemPtr item = local ? table("roles").find({cluster, ns, name})
                                : table("clusterroles").find({cluster, "", name});
    if (!item && !local && !options_.base_cluster.empty()) {
      item = table("clusterroles").find({options_.base_cluster, "", name});
    }
    if (!item) return {};
    auto role = json::parse(item->json());
    return role ? *role : json::Value();
  }

  cache::Cache& cache_;
  const RbacOptions options_;
};

}  // namespace

std::unique_ptr<Authorizer> make_rbac(cache::Cache& cache, RbacOptions options) {
  return std::make_unique<Rbac>(cache, std::move(options));
}

}  // namespace auth
