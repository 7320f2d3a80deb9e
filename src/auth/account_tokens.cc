#include "auth/account_tokens.h"

#include <atomic>
#include <mutex>

#include "auth/accounts.h"
#include "base/random.h"
#include "base/strings.h"
#include "json/text.h"
#include "object/object.h"
#include "pki/digest.h"

namespace auth {
namespace {

using json::Value;
using std::chrono::seconds;

constexpr std::size_t kMaxKnown = 4096;
constexpr Duration kDeletionLeeway = 60s;  // a dying pod may still need its token
constexpr std::string_view kLegacyIssuer = "kubernetes/serviceaccount";
constexpr const char* kExtraPrefix = "authentication.kubernetes.io/";

std::int64_t unix_seconds(TimePoint time) {
  return std::chrono::floor<seconds>(time).time_since_epoch().count();
}

std::string subject(std::string_view ns, std::string_view name) {
  return std::string(kAccountPrefix) + std::string(ns) + ":" + std::string(name);
}

std::string legacy_claim(std::string_view name) {
  return "kubernetes.io/serviceaccount/" + std::string(name);
}

std::unexpected<Error> refused(std::string why) {
  return std::unexpected(Error(Reason::Unauthorized, std::move(why)));
}

// Whether the object is there, is the same one and is not long gone from its owner's view.
bool is_alive(const cache::ItemPtr& item, std::string_view uid, TimePoint now) {
  if (!item || item->uid() != uid) return false;
  if (!item->deleting()) return true;
  auto object = json::parse(item->json());
  auto since = object ? parse_time(object->at("metadata", "deletionTimestamp").as_string())
                      : std::optional<TimePoint>();
  return since && now <= *since + kDeletionLeeway;
}

UserPtr user_of(const AccountTokens::Account& account, const std::string& credential,
                const AccountTokens::Bound& bound, bool many_clusters) {
  auto user = std::make_shared<User>();
  user->name = subject(account.ns, account.name);
  user->uid = account.uid;
  user->groups = {std::string(kAccounts), std::string(kAccounts) + ":" + account.ns,
                  std::string(kAuthenticated)};
  if (many_clusters) user->extra[kClusterExtra] = {account.cluster};
  std::string prefix(kExtraPrefix);
  if (!credential.empty()) user->extra[prefix + "credential-id"] = {"JTI=" + credential};
  if (bound.kind == "Pod") {
    user->extra[prefix + "pod-name"] = {bound.name};
    user->extra[prefix + "pod-uid"] = {bound.uid};
  }
  return user;
}

}  // namespace

struct AccountTokens::Known {
  Account account;
  Bound bound;
  bool legacy = false;  // `bound` is the Secret that must hold the token; its uid is not told
  TimePoint not_before, expiry = TimePoint::max();
  std::vector<std::string> audiences;
  UserPtr user;
  // The revision of the Secret in which the legacy token was last seen.
  mutable std::atomic<std::uint64_t> seen_in = 0;
};

AccountTokens::AccountTokens(pki::SigningKey key, Options options, cache::Cache& cache,
                             const Clock& clock)
    : key_(std::move(key)), options_(std::move(options)), cache_(cache), clock_(clock) {}

std::string AccountTokens::bound_resource(std::string_view kind) {
  if (kind == "Pod") return "pods";
  return kind == "Secret" ? "secrets" : "";
}

std::string AccountTokens::issue(const Account& account, const std::vector<std::string>& audiences,
                                 TimePoint expiry, const Bound& bound) const {
  Value audience = Value::array();
  for (const std::string& one : audiences) audience.push_back(one);
  std::int64_t now = unix_seconds(clock_.now());
  Value place = Value::object({{"namespace", account.ns}});
  if (options_.only_cluster.empty()) place.set("clusterName", account.cluster);
  if (!bound.kind.empty()) {
    place.set(lower(bound.kind), Value::object({{"name", bound.name}, {"uid", bound.uid}}));
  }
  place.set("serviceaccount", Value::object({{"name", account.name}, {"uid", account.uid}}));
  return key_.sign(Value::object({{"aud", std::move(audience)},
                                  {"exp", unix_seconds(expiry)},
                                  {"iat", now},
                                  {"iss", options_.issuer},
                                  {"jti", random_uuid()},
                                  {"kubernetes.io", std::move(place)},
                                  {"nbf", now},
                                  {"sub", subject(account.ns, account.name)}}));
}

std::string AccountTokens::issue_legacy(const Account& account, std::string_view secret) const {
  Value claims = Value::object({{"iss", kLegacyIssuer}});
  if (options_.only_cluster.empty()) claims.set(legacy_claim("clusterName"), account.cluster);
  claims.set(legacy_claim("namespace"), account.ns);
  claims.set(legacy_claim("secret.name"), secret);
  claims.set(legacy_claim("service-account.name"), account.name);
  claims.set(legacy_claim("service-account.uid"), account.uid);
  claims.set("sub", subject(account.ns, account.name));
  return key_.sign(claims);
}

Result<AccountTokens::Verified> AccountTokens::verify(std::string_view token) const {
  auto known = read(token);
  if (!known) return std::unexpected(known.error());
  TimePoint now = clock_.now();
  if (now >= (*known)->expiry) return refused("token has expired");
  if (now < (*known)->not_before) return refused("token is not valid yet");
  if (!is_there(**known, token)) return refused("service account token has been invalidated");
  return Verified{(*known)->user, (*known)->audiences};
}

Result<AccountTokens::KnownPtr> AccountTokens::read(std::string_view token) const {
  std::string digest = pki::sha256(token);
  {
    std::shared_lock lock(mutex_);
    auto it = known_.find(digest);
    if (it != known_.end()) return it->second;
  }
  auto claims = key_.verify(token);
  if (!claims) return std::unexpected(claims.error());
  auto known = understand(*claims);
  if (!known) return std::unexpected(known.error());
  std::unique_lock lock(mutex_);
  if (known_.size() >= kMaxKnown) known_.clear();
  known_.emplace(std::move(digest), *known);
  return *known;
}

Result<AccountTokens::KnownPtr> AccountTokens::understand(const Value& claims) const {
  auto known = std::make_shared<Known>();
  Account& account = known->account;
  known->legacy = claims["iss"].as_string() == kLegacyIssuer;
  if (known->legacy) {
    account = {claims[legacy_claim("clusterName")].str(), claims[legacy_claim("namespace")].str(),
               claims[legacy_claim("service-account.name")].str(),
               claims[legacy_claim("service-account.uid")].str()};
    known->bound = {"Secret", claims[legacy_claim("secret.name")].str(), ""};
    known->audiences = {options_.issuer};
  } else {
    if (claims["iss"].as_string() != options_.issuer) return refused("token has another issuer");
    const Value& place = claims["kubernetes.io"];
    account = {place["clusterName"].str(), place["namespace"].str(),
               place.at("serviceaccount", "name").str(), place.at("serviceaccount", "uid").str()};
    for (const char* kind : {"Pod", "Secret"}) {
      const Value& bound = place[lower(kind)];
      if (bound.is_object()) known->bound = {kind, bound["name"].str(), bound["uid"].str()};
    }
    for (const Value& one : claims["aud"].elements()) known->audiences.push_back(one.str());
    known->not_before = TimePoint(seconds(claims["nbf"].as_int()));
    known->expiry = TimePoint(seconds(claims["exp"].as_int()));
  }
  bool many = options_.only_cluster.empty();
  if (account.cluster.empty() == many) return refused("token is of another kind of cluster");
  if (!many) account.cluster = options_.only_cluster;
  bool whole = !account.ns.empty() && !account.name.empty() && !account.uid.empty() &&
               claims["sub"].as_string() == subject(account.ns, account.name);
  if (!whole) return refused("token is incomplete");
  known->user = user_of(account, claims["jti"].str(), known->bound, many);
  return known;
}

bool AccountTokens::is_there(const Known& known, std::string_view token) const {
  const auto& [cluster, ns, name, uid] = known.account;
  TimePoint now = clock_.now();
  auto account = cache_.table({"", "serviceaccounts", ""}).find({cluster, ns, name});
  if (!is_alive(account, uid, now)) return false;
  if (known.bound.kind.empty()) return true;
  cache::TableId table{"", bound_resource(known.bound.kind), ""};
  auto bound = cache_.table(table).find({cluster, ns, known.bound.name});
  if (!known.legacy) return is_alive(bound, known.bound.uid, now);
  if (!bound || !is_alive(bound, bound->uid(), now)) return false;
  if (known.seen_in == bound->revision()) return true;
  auto secret = json::parse(bound->json());
  bool held = secret && base64_encode(token) == secret->at("data", "token").as_string();
  if (held) known.seen_in = bound->revision();
  return held;
}

}  // namespace auth
