// Service accounts as identities. An account exists in one logical cluster only; its name says
// nothing of which, so what it may do elsewhere is decided for another name, which does. Pure,
// thread-safe. Source: reference kcp-tenancy.md 3.1, 3.3.
#pragma once

#include <string>
#include <string_view>

#include "auth/user.h"

namespace auth {

inline constexpr std::string_view kAccountPrefix = "system:serviceaccount:";
inline constexpr std::string_view kAccounts = "system:serviceaccounts";
inline constexpr const char* kClusterExtra = "authentication.kcp.io/cluster-name";

bool is_service_account(const User& user);

// The logical cluster of a service account; "" for other users and for accounts that do not tell
// (those count as local wherever they are asked about).
std::string home_cluster(const User& user);

// A name that means the same user in every logical cluster:
// "system:kcp:serviceaccount:<cluster>:<namespace>:<name>" for an account, else the user's own.
// What is stored in one cluster about a user of another must use it.
std::string global_name(const User& user);

// Who a service account is in a cluster that is not its own: its global name, in the groups
// system:authenticated and system:cluster:<its cluster>. Null if `user` is itself in `cluster`.
UserPtr foreign_identity(const User& user, std::string_view cluster);
// The same, or `user` itself.
UserPtr seen_from(UserPtr user, std::string_view cluster);

// How a provider of APIs names a user of one of its consumers in its policy: the global name and
// each group behind "apis.kcp.io:binding:". It is no member of system:masters or anything else.
UserPtr as_consumer(const User& user);

}  // namespace auth
