// Service accounts: tokens on request, token Secrets, and TokenReview.
#include <fmt/format.h>

#include "auth/accounts.h"
#include "base/strings.h"
#include "json/text.h"
#include "object/names.h"
#include "registry/rules/rules.h"
#include "registry/store_registry.h"
#include "schema/builtin.h"

namespace registry {
namespace {

using auth::AccountTokens;
using json::Value;

constexpr const char* kTokenType = "kubernetes.io/service-account-token";
constexpr const char* kAccountName = "kubernetes.io/service-account.name";
constexpr const char* kAccountUid = "kubernetes.io/service-account.uid";
constexpr std::int64_t kMinSeconds = 600;
constexpr std::int64_t kMaxSeconds = 24 * 3600;
const cache::TableId kAccountTable{"", "serviceaccounts", ""};
const cache::TableId kSecretTable{"", "secrets", ""};

Value strings(const std::vector<std::string>& list) {
  Value all = Value::array();
  for (const std::string& one : list) all.push_back(one);
  return all;
}

AccountTokens::Account account_of(const cache::Item& item) {
  return {std::string(item.cluster()), std::string(item.ns()), std::string(item.name()),
          std::string(item.uid())};
}

// POST serviceaccounts/<name>/token.
class ServiceAccountRules final : public Rules {
 public:
  ServiceAccountRules(Registry& registry, const AccountTokens& tokens)
      : registry_(registry), tokens_(tokens) {}

  // With the account go its token Secrets.
  std::vector<storage::Write> also_remove(const Call& call, const Value& object) const override {
    std::vector<storage::Write> writes;
    auto& table = registry_.objects().table(kSecretTable);
    for (const auto& item : table.list({.cluster = call.cluster, .ns = call.ns}).items) {
      if (!item->mentions(kTokenType)) continue;
      auto secret = json::parse(item->json());
      bool belongs = secret && (*secret)["type"].as_string() == kTokenType &&
                     object::annotation(*secret, kAccountUid) == object::uid(object);
      if (belongs) writes.push_back({cache::storage_key(kSecretTable, item->key()), std::nullopt});
    }
    return writes;
  }

  Task<Answer> create_subresource(const Call& call, Value body) const override {
    auto account =
        registry_.objects().table(kAccountTable).find({call.cluster, call.ns, call.name});
    if (!account) throw Error::not_found("", "serviceaccounts", call.name);
    Answer answer{settled(call, std::move(body), *account), {}};
    Value& spec = answer.object.edit("spec");
    std::int64_t wanted = spec["expirationSeconds"].as_int(), granted = wanted;
    if (wanted > kMaxSeconds) {
      granted = kMaxSeconds;
      answer.warnings.push_back(fmt::format(
          "requested expiration of {} seconds shortened to {} seconds", wanted, granted));
      spec.set("expirationSeconds", granted);
    }
    std::vector<std::string> audiences;
    for (const Value& one : spec["audiences"].elements()) audiences.push_back(one.str());
    auto bound = bound_to(call, spec["boundObjectRef"]);
    TimePoint expiry = registry_.clock().now() + std::chrono::seconds(granted);
    answer.object.set(
        "status",
        Value::object({{"token", tokens_.issue(account_of(*account), audiences, expiry, bound)},
                       {"expirationTimestamp", format_time(expiry)}}));
    co_return answer;
  }

 private:
  // The request, checked, with its defaults and the account's metadata.
  Value settled(const Call& call, Value body, const cache::Item& account) const {
    if (body.is_null()) body = Value::object();
    std::string version = body["apiVersion"].str(), kind = body["kind"].str();
    bool known = (version.empty() || version == "authentication.k8s.io/v1") &&
                 (kind.empty() || kind == "TokenRequest");
    if (!body.is_object() || !known) {
      throw Error::bad_request("the body must be a TokenRequest of authentication.k8s.io/v1");
    }
    check_metadata(call, body["metadata"], account);
    const auto* request = schema::find_builtin("authentication.k8s.io", "tokenrequests");
    request->schema->prune(body);
    if (!body["spec"].is_object()) body.set("spec", Value::object());
    request->schema->apply_defaults(body);
    auto causes = request->schema->validate(body, {});
    std::int64_t seconds = body.at("spec", "expirationSeconds").as_int();
    if (causes.empty() && seconds < kMinSeconds) {
      causes.push_back(object::invalid_value("spec.expirationSeconds", seconds,
                                             "may not specify a duration less than 10 minutes"));
    } else if (causes.empty() && seconds > (std::int64_t{1} << 32)) {
      causes.push_back(object::invalid_value("spec.expirationSeconds", seconds,
                                             "may not specify a duration larger than 2^32 "
                                             "seconds"));
    }
    if (!causes.empty()) {
      throw Error::invalid("authentication.k8s.io", "TokenRequest", call.name, std::move(causes));
    }
    if (body.at("spec", "audiences").empty()) {
      body.edit("spec").set("audiences", Value::array({tokens_.issuer()}));
    }
    body.erase("status");
    return with_front(call, std::move(body), account);
  }

  static void check_metadata(const Call& call, const Value& metadata, const cache::Item& account) {
    std::string name = metadata["name"].str(), ns = metadata["namespace"].str();
    if (!name.empty()) check_name(call, name);
    if (!ns.empty() && ns != call.ns) {
      throw Error::bad_request(
          "the namespace of the provided object does not match the namespace sent on the request");
    }
    std::string uid = metadata["uid"].str();
    if (!uid.empty() && uid != account.uid()) {
      throw Error::conflict(
          "", "serviceaccounts", call.name,
          fmt::format("the UID in the token request ({}) does not match the UID of the service "
                      "account ({})",
                      uid, account.uid()));
    }
  }

  Value with_front(const Call& call, Value body, const cache::Item& account) const {
    body.set("metadata",
             Value::object({{"name", call.name},
                            {"namespace", call.ns},
                            {"uid", account.uid()},
                            {"creationTimestamp", format_time(registry_.clock().now())}}));
    body.set_front("metadata", body["metadata"]);
    body.set_front("apiVersion", "authentication.k8s.io/v1");
    body.set_front("kind", "TokenRequest");
    return body;
  }

  AccountTokens::Bound bound_to(const Call& call, const Value& reference) const {
    if (!reference.is_object()) return {};
    std::string kind = reference["kind"].str(), name = reference["name"].str();
    std::string resource = AccountTokens::bound_resource(kind);
    if (resource.empty()) {
      throw Error::bad_request(fmt::format(
          "cannot bind token for object of type {}; bind it to a Pod or a Secret", quote(kind)));
    }
    auto item = registry_.objects().table({"", resource, ""}).find({call.cluster, call.ns, name});
    if (!item) throw Error::not_found("", resource, name);
    std::string uid = reference["uid"].str();
    if (!uid.empty() && uid != item->uid()) {
      throw Error::conflict(
          "", resource, name,
          fmt::format("the UID in the bound object reference ({}) does not match the UID in "
                      "record. The object might have been deleted and then recreated",
                      uid));
    }
    if (kind == "Pod") {
      auto pod = value_or_throw(json::parse(item->json()));
      if (pod.at("spec", "serviceAccountName").as_string("default") != call.name) {
        throw Error::bad_request(
            "cannot bind token to a Pod running with different service account");
      }
    }
    return {kind, name, std::string(item->uid())};
  }

  Registry& registry_;
  const AccountTokens& tokens_;
};

// Secrets of type kubernetes.io/service-account-token are filled in as they are written. All
// others are as `inner` says.
class TokenSecretRules final : public Rules {
 public:
  TokenSecretRules(Registry& registry, const AccountTokens& tokens, std::string ca_pem)
      : registry_(registry), tokens_(tokens), ca_pem_(std::move(ca_pem)), inner_(secret_rules()) {}

  void on_create(const Call& call, Value& object) const override {
    inner_->on_create(call, object);
    if (is_token(object)) fill(call, object);
  }

  void on_update(const Call& call, Value& object, const Value& before) const override {
    inner_->on_update(call, object, before);
    if (!is_token(object) || !is_token(before)) return;
    auto account = find_account(call, object);
    bool good = account && object::annotation(object, kAccountUid) == account->uid() &&
                !object.at("data", "token").as_string().empty();
    if (!good) fill(call, object);
  }

  std::vector<Cause> validate(const Call& call, const Value& object,
                              const Value& before) const override {
    auto causes = inner_->validate(call, object, before);
    if (!is_token(object)) return causes;
    std::string name = object::annotation(object, kAccountName);
    std::string field = fmt::format("metadata.annotations[{}]", kAccountName);
    if (name.empty()) {
      causes.push_back(object::required_value(field));
    } else if (before.is_null() && !find_account(call, object)) {
      causes.push_back({"FieldValueNotFound", field,
                        fmt::format("Not found: {}: make the ServiceAccount first", quote(name))});
    }
    return causes;
  }

  // The account must still be the one that the token was made for.
  std::vector<storage::Write> also_write(const Call& call, Value& object,
                                         std::vector<storage::Compare>& compares) const override {
    auto account = is_token(object) ? find_account(call, object) : nullptr;
    if (account) {
      compares.push_back({cache::storage_key(kAccountTable, account->key()),
                          storage::Revision{account->revision()}});
    }
    return inner_->also_write(call, object, compares);
  }

 private:
  static bool is_token(const Value& object) { return object["type"].as_string() == kTokenType; }

  cache::ItemPtr find_account(const Call& call, const Value& object) const {
    std::string name = object::annotation(object, kAccountName);
    if (name.empty()) return nullptr;
    return registry_.objects().table(kAccountTable).find({call.cluster, call.ns, name});
  }

  void fill(const Call& call, Value& object) const {
    auto account = find_account(call, object);
    if (!account) return;
    object::set_annotation(object, kAccountUid, account->uid());
    Value& data = object.edit("data");
    data.set("ca.crt", base64_encode(ca_pem_)).set("namespace", base64_encode(call.ns));
    data.set("token", base64_encode(tokens_.issue_legacy(account_of(*account), call.name)));
  }

  Registry& registry_;
  const AccountTokens& tokens_;
  const std::string ca_pem_;
  const std::shared_ptr<Rules> inner_;
};

class TokenReview final : public Rules {
 public:
  explicit TokenReview(const auth::Authenticator& authenticator) : authenticator_(authenticator) {}

  Task<Value> review(const Call& call, Value object) const override {
    std::string token = object.at("spec", "token").str();
    if (token.empty()) {
      throw Error::bad_request("token is required for TokenReview in authentication");
    }
    std::vector<std::string> audiences;
    for (const Value& one : object.at("spec", "audiences").elements()) {
      audiences.push_back(one.str());
    }
    auto verified = authenticator_.review(token, audiences);
    if (!verified) {
      object.set("status", Value::object({{"error", verified.error().message()}}));
      co_return object;
    }
    // As whom this logical cluster knows the user: an account of another is not one of its own.
    auth::UserPtr user = auth::seen_from(verified->user, call.cluster);
    Value info = Value::object({{"username", user->name}});
    if (!user->uid.empty()) info.set("uid", user->uid);
    info.set("groups", strings(user->groups));
    for (const auto& [key, values] : user->extra) info.edit("extra").set(key, strings(values));
    object.set("status", Value::object({{"authenticated", true},
                                        {"user", std::move(info)},
                                        {"audiences", strings(verified->audiences)}}));
    co_return object;
  }

 private:
  const auth::Authenticator& authenticator_;
};

}  // namespace

void install_service_account_rules(Registry& registry, const auth::Authenticator& authenticator,
                                   const auth::AccountTokens& tokens, std::string ca_pem) {
  registry.add_rules({"", "serviceaccounts"},
                     std::make_shared<ServiceAccountRules>(registry, tokens));
  registry.add_rules({"", "secrets"},
                     std::make_shared<TokenSecretRules>(registry, tokens, std::move(ca_pem)));
  registry.add_rules({"authentication.k8s.io", "tokenreviews"},
                     std::make_shared<TokenReview>(authenticator));
}

}  // namespace registry
