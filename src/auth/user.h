// Who makes a request. Immutable once authenticated. Source: reference kube-apiserver.md 8.1.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace auth {

struct User {
  std::string name;
  std::string uid;
  std::vector<std::string> groups;
  std::map<std::string, std::vector<std::string>> extra;

  bool in_group(std::string_view group) const;
};
using UserPtr = std::shared_ptr<const User>;

inline constexpr std::string_view kMasters = "system:masters";
inline constexpr std::string_view kAuthenticated = "system:authenticated";
inline constexpr std::string_view kUnauthenticated = "system:unauthenticated";
inline constexpr std::string_view kAnonymous = "system:anonymous";

// The identity of the system's own in-process components: system:masters.
UserPtr system_user(std::string_view component);

}  // namespace auth
