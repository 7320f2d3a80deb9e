#include "auth/user.h"

#include <algorithm>

namespace auth {

bool User::in_group(std::string_view group) const {
  return std::ranges::find(groups, group) != groups.end();
}

UserPtr system_user(std::string_view component) {
  auto user = std::make_shared<User>();
  user->name = "system:" + std::string(component);
  user->groups = {std::string(kMasters), std::string(kAuthenticated)};
  return user;
}

}  // namespace auth
