#include "auth/accounts.h"

namespace auth {

bool is_service_account(const User& user) { return user.name.starts_with(kAccountPrefix); }

std::string home_cluster(const User& user) {
  if (!is_service_account(user)) return {};
  auto it = user.extra.find(kClusterExtra);
  return it == user.extra.end() || it->second.empty() ? std::string() : it->second.front();
}

std::string global_name(const User& user) {
  std::string home = home_cluster(user);
  if (home.empty()) return user.name;
  return "system:kcp:serviceaccount:" + home + ":" + user.name.substr(kAccountPrefix.size());
}

UserPtr foreign_identity(const User& user, std::string_view cluster) {
  std::string home = home_cluster(user);
  if (home.empty() || home == cluster) return nullptr;
  auto foreign = std::make_shared<User>();
  foreign->name = global_name(user);
  foreign->groups = {std::string(kAuthenticated), "system:cluster:" + home};
  foreign->extra = user.extra;
  return foreign;
}

UserPtr seen_from(UserPtr user, std::string_view cluster) {
  UserPtr foreign = foreign_identity(*user, cluster);
  return foreign ? foreign : user;
}

UserPtr as_consumer(const User& user) {
  constexpr std::string_view kPrefix = "apis.kcp.io:binding:";
  UserPtr foreign = foreign_identity(user, "");  // no cluster is home to anybody there
  auto consumer = std::make_shared<User>();
  consumer->name = std::string(kPrefix) + global_name(user);
  for (const std::string& group : (foreign ? *foreign : user).groups) {
    consumer->groups.push_back(std::string(kPrefix) + group);
  }
  return consumer;
}

}  // namespace auth
