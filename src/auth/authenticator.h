// Who is behind a request: a client certificate (CN = user, O = groups), a bearer token (of a fixed
// table, or a service account's), or nobody. Thread-safe. Source: reference kube-apiserver.md 8.1.
#pragma once

#include <map>
#include <memory>
#include <shared_mutex>
#include <string>
#include <unordered_map>

#include "auth/account_tokens.h"
#include "auth/user.h"
#include "base/result.h"
#include "http/message.h"

namespace auth {

// Reads a token file as Kubernetes' --token-auth-file has it: one
// `token,user,uid[,"group1,group2"]` a line. BadRequest with the line's number if one is malformed.
Result<std::map<std::string, UserPtr>> parse_token_file(std::string_view text);

class Authenticator {
 public:
  // `tokens` maps bearer tokens to users; `accounts` (null = none) knows those of service accounts
  // and must outlive it.
  explicit Authenticator(std::map<std::string, UserPtr> tokens,
                         const AccountTokens* accounts = nullptr);

  // The user, who is always a member of system:authenticated; the anonymous user if the request
  // carries no credentials; Unauthorized if it carries wrong ones, Forbidden if it asks to be taken
  // for somebody else.
  Result<UserPtr> authenticate(const http::Request& request) const;

  // The user of a bearer token that is meant for one of `audiences` (none = this API), and which of
  // them those are. Unauthorized with a message that says why.
  Result<AccountTokens::Verified> review(std::string_view token,
                                         const std::vector<std::string>& audiences) const;

 private:
  Result<UserPtr> user_of_certificate(const std::string& der) const;

  std::map<std::string, UserPtr>
      by_digest_;  // by SHA-256 of the token, so that look-ups leak nothing
  const AccountTokens* accounts_;
  // Users of certificates seen before: parsing one costs more than the rest of a request.
  mutable std::shared_mutex mutex_;
  mutable std::unordered_map<std::string, UserPtr> by_certificate_;  // guarded by mutex_
};

}  // namespace auth
