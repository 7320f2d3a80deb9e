// What the providers of APIs let their consumers do with them. Thread-safe. Source: reference
// kcp-apis.md 1.7.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace auth {

class PermissionPolicies {
 public:
  virtual ~PermissionPolicies() = default;
  // Where the policy stands that bounds what may be done with a resource of a logical cluster: in
  // the logical cluster of the export that it is bound from. Nothing if it is not bound, or from an
  // export without a maximal permission policy.
  virtual std::optional<std::string> bounding_cluster(std::string_view cluster,
                                                      std::string_view group,
                                                      std::string_view resource) const = 0;
};

}  // namespace auth
