#include "glbc/authority.h"

#include <algorithm>

#include "base/log.h"
#include "base/strings.h"
#include "object/object.h"

namespace glbc {
namespace {

using json::Value;

constexpr Duration kLifetime = 3650 * 24h;
constexpr Duration kRenewAuthorityBefore = 365 * 24h;
constexpr Duration kClockSkew = 1h;

std::string data_of(const Value& secret, const char* key) {
  return base64_decode(secret.at("data", key).as_string()).value_or("");
}

// When the authority that the Secret holds ends; nothing if it holds none.
std::optional<TimePoint> find_end(const Value& secret) {
  auto pair = find_pair(secret);
  if (!pair) return std::nullopt;
  auto validity = pki::validity_of(pair->certificate_pem);
  return validity ? std::optional(validity->not_after) : std::nullopt;
}

Task<> tell(std::function<void(const std::string&)> on_bundle, std::string bundle) {
  on_bundle(bundle);
  co_return;
}

}  // namespace

Value kept_authority(const std::optional<Value>& present, TimePoint now) {
  auto end = present ? find_end(*present) : std::nullopt;
  if (end && *end - kRenewAuthorityBefore > now) return *present;
  pki::KeyPair fresh = pki::make_ca(kAuthority, now - kClockSkew, now + kLifetime);
  std::string bundle = fresh.certificate_pem;
  for (const std::string& one : pki::split_bundle(present ? bundle_of(*present) : "")) {
    auto validity = pki::validity_of(one);
    if (validity && validity->not_after > now) bundle += one;
  }
  Value secret = present.value_or(object::make("v1", "Secret", kAuthority, kControlNamespace));
  object::set_label(secret, kManagedLabel, "true");
  object::set_label(secret, kIssuerLabel, kAuthority);
  secret.set("type", "kubernetes.io/tls");
  secret.set("data", Value::object({{"tls.crt", base64_encode(fresh.certificate_pem)},
                                    {"tls.key", base64_encode(fresh.key_pem)},
                                    {"ca.crt", base64_encode(bundle)}}));
  return secret;
}

std::string bundle_of(const Value& authority) {
  std::string bundle = data_of(authority, "ca.crt");
  return bundle.empty() ? data_of(authority, "tls.crt") : bundle;
}

std::optional<Value> AuthorityIssuer::find_authority(const controller::World& world) const {
  return world.find({kLeafSource, control_cluster_, kControlNamespace, kAuthority});
}

std::optional<pki::KeyPair> AuthorityIssuer::issue(const controller::World& world,
                                                   const std::string& host,
                                                   controller::Plan&) const {
  // Without an authority there is nothing to do but wait: its appearance wakes every Ingress.
  auto secret = find_authority(world);
  auto authority = secret ? find_pair(*secret) : std::nullopt;
  auto end = secret ? find_end(*secret) : std::nullopt;
  if (!authority || !end) return std::nullopt;
  pki::CertificateRequest request;
  if (host.size() <= 64) request.common_name = host;  // the bound of that field
  request.dns_names = {host};
  request.not_before = world.now() - kClockSkew;
  request.not_after = std::min(world.now() + kLeafLifetime, *end);
  auto pair = pki::issue(*authority, request);
  if (pair) return std::move(*pair);
  log(LogLevel::Warning, "glbc", "the authority can not issue",
      {{"host", host}, {"why", pair.error().message()}});
  return std::nullopt;
}

bool AuthorityIssuer::is_trusted(const controller::World& world,
                                 const std::string& certificate_pem) const {
  auto secret = find_authority(world);
  // While the authority is not there nothing better can be had.
  return !secret || pki::is_signed_by(certificate_pem, bundle_of(*secret));
}

controller::Declaration AuthorityController::declare() const {
  controller::Declaration declaration;
  declaration.sources = {secrets_};
  return declaration;
}

controller::Plan AuthorityController::reconcile(const controller::World& world,
                                                const controller::Key& key,
                                                const std::optional<Value>& object) const {
  controller::Plan plan;
  if (key.ns != kControlNamespace || key.name != kAuthority) return plan;
  Value wanted = kept_authority(object, world.now());
  if (!object) {
    plan.create(key.source, key.cluster, wanted);
  } else if (wanted != *object) {
    plan.update(key.source, key.cluster, wanted);
  }
  std::string bundle = bundle_of(wanted);
  plan.effects.push_back([on_bundle = on_bundle_, bundle] { return tell(on_bundle, bundle); });
  if (auto end = find_end(wanted)) plan.look_again(*end - kRenewAuthorityBefore);
  return plan;
}

}  // namespace glbc
