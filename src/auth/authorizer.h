// May this user do this? Thread-safe. Source: reference kube-apiserver.md 8.3; kcp-tenancy.md 3.6.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "auth/user.h"
#include "base/task.h"

namespace auth {

struct Attributes {
  UserPtr user;
  std::string verb;     // "get", "list", ...; for non-resource requests the lower-case method
  std::string cluster;  // logical cluster name, "*" for a wildcard request
  bool resource_request = true;
  std::string group;
  std::string version;
  std::string resource;
  std::string subresource;
  std::string ns;
  std::string name;
  std::string path;  // non-resource requests
  // Whether access to the workspace is left aside: for checks of single permissions in a workspace
  // that the user need not be able to enter (bind, content, sync).
  bool deep = false;
};

enum class Decision { Allow, Deny, NoOpinion };

struct Verdict {
  Decision decision = Decision::NoOpinion;
  std::string reason;
};

struct Rule {  // one entry of SelfSubjectRulesReview
  std::vector<std::string> verbs, groups, resources, resource_names, non_resource_urls;
};

class Authorizer {
 public:
  virtual ~Authorizer() = default;
  virtual Task<Verdict> authorize(const Attributes& attributes) = 0;
  // All rules that apply to the user in a namespace, for SelfSubjectRulesReview.
  virtual std::vector<Rule> rules_for(const User& user, std::string_view cluster,
                                      std::string_view ns) = 0;
};

// The message of the 403 that Kubernetes writes behind "is forbidden: " (or alone for
// non-resource requests): User "jane" cannot list resource "pods" in API group "" in the
// namespace "default"
std::string forbidden_message(const Attributes& attributes, std::string_view reason);

}  // namespace auth
