// Tokens of service accounts: made here, and believed only while what they stand for exists. A
// token carries the logical cluster of its account, and is nothing without an account of that uid
// there; a legacy token needs its Secret too, a bound one its object. The signature of a token is
// checked once and remembered; existence and time are checked at each use. Thread-safe.
// Source: reference kube-apiserver.md 8.1, 10.3; kcp-tenancy.md 3.1.
#pragma once

#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "auth/user.h"
#include "base/clock.h"
#include "base/result.h"
#include "cache/cache.h"
#include "pki/jwt.h"

namespace auth {

class AccountTokens {
 public:
  struct Options {
    std::string issuer;        // also the audience of the API itself
    std::string only_cluster;  // the one cluster there is, which tokens do not name; "" = many
  };
  // `cache` and `clock` must outlive it.
  AccountTokens(pki::SigningKey key, Options options, cache::Cache& cache, const Clock& clock);

  struct Account {
    std::string cluster, ns, name, uid;
  };
  // What a token dies with, beside its account.
  struct Bound {
    std::string kind;  // "Pod" or "Secret"; "" = nothing
    std::string name, uid;
  };
  // "pods", "secrets"; "" for kinds that tokens cannot be bound to.
  static std::string bound_resource(std::string_view kind);

  std::string issue(const Account& account, const std::vector<std::string>& audiences,
                    TimePoint expiry, const Bound& bound) const;
  // Without expiry; good while the Secret `secret` holds it.
  std::string issue_legacy(const Account& account, std::string_view secret) const;

  struct Verified {
    UserPtr user;  // a member of system:authenticated
    std::vector<std::string> audiences;
  };
  // Unauthorized, with a message that says why, for tokens that are not (or no longer) good.
  Result<Verified> verify(std::string_view token) const;

  const std::string& issuer() const { return options_.issuer; }

 private:
  struct Known;  // what a token with a good signature says
  using KnownPtr = std::shared_ptr<const Known>;
  Result<KnownPtr> read(std::string_view token) const;
  Result<KnownPtr> understand(const json::Value& claims) const;
  bool is_there(const Known& known, std::string_view token) const;

  const pki::SigningKey key_;
  const Options options_;
  cache::Cache& cache_;
  const Clock& clock_;
  mutable std::shared_mutex mutex_;
  mutable std::unordered_map<std::string, KnownPtr> known_;  // by SHA-256; guarded by mutex_
};

}  // namespace auth
