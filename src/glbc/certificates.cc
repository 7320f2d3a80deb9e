#include "glbc/certificates.h"

#include <algorithm>

#include "base/strings.h"
#include "glbc/hosts.h"
#include "object/object.h"

namespace glbc {
namespace {

using controller::Key;
using controller::Plan;
using controller::World;
using json::Value;

constexpr const char* kTlsType = "kubernetes.io/tls";

// The copy beside the Ingress. `present` keeps what others put on it.
Value copy_for(const Value& ingress, const Value& leaf, const std::optional<Value>& present) {
  Value copy = present.value_or(
      object::make("v1", "Secret", copy_name(object::name(ingress)), object::ns(ingress)));
  object::set_label(copy, kManagedLabel, "true");
  Value owner = object::owner_reference(ingress, true);
  Value& owners = copy.edit("metadata", "ownerReferences");
  if (owners != Value::array({owner})) owners = Value::array({std::move(owner)});
  copy.set("type", kTlsType);
  copy.set("data", leaf["data"]);
  return copy;
}

}  // namespace

std::optional<pki::KeyPair> find_pair(const Value& secret) {
  auto certificate = base64_decode(secret.at("data", "tls.crt").as_string());
  auto key = base64_decode(secret.at("data", "tls.key").as_string());
  if (!certificate || !key || certificate->empty() || key->empty()) return std::nullopt;
  return pki::KeyPair{std::move(*certificate), std::move(*key)};
}

bool Certificates::is_current(const World& world, const Value& leaf,
                              const std::string& host) const {
  auto pair = find_pair(leaf);
  if (!pair) return false;
  auto validity = pki::validity_of(pair->certificate_pem);
  auto names = pki::dns_names_of(pair->certificate_pem);
  return validity && validity->not_after - kRenewBefore > world.now() && names &&
         std::ranges::find(*names, host) != names->end() &&
         issuer_->is_trusted(world, pair->certificate_pem);
}

std::optional<Value> Certificates::keep_leaf(const World& world, const Owner& owner,
                                             const std::string& host, Plan& plan) const {
  std::string name = owner.control_name();
  auto present = world.find({kLeafSource, control_cluster_, kControlNamespace, name});
  if (present && is_current(world, *present, host)) {
    auto pair = find_pair(*present);
    auto validity = pki::validity_of(pair->certificate_pem);
    plan.look_again(validity->not_after - kRenewBefore);
    return present;
  }
  auto pair = issuer_->issue(world, host, plan);
  if (!pair) return present;  // an old one is better than none
  Value leaf = present.value_or(object::make("v1", "Secret", name, kControlNamespace));
  owner.mark(leaf);
  object::set_annotation(leaf, kHost, host);
  object::set_annotation(leaf, kIssuerLabel, issuer_->name());
  object::set_label(leaf, kManagedLabel, "true");
  leaf.set("type", kTlsType);
  leaf.set("data", Value::object({{"tls.crt", base64_encode(pair->certificate_pem)},
                                  {"tls.key", base64_encode(pair->key_pem)}}));
  if (present) {
    plan.update(kLeafSource, control_cluster_, leaf);
  } else {
    plan.create(kLeafSource, control_cluster_, leaf);
  }
  return std::nullopt;  // copied once it is stored
}

void Certificates::keep(const World& world, Value& ingress, const Owner& owner,
                        const std::string& host, Plan& before, Plan& after) const {
  auto leaf = keep_leaf(world, owner, host, before);
  std::string name = copy_name(owner.name);
  auto present = world.find({kCopySource, owner.cluster, owner.ns, name});
  bool usable = present && !object::is_deleting(*present);
  if (usable) apply_tls(ingress, host, name);
  // A renewal keeps what is there in use.
  object::set_annotation(ingress, kCertificateStatus, usable ? "ready" : "issuing");
  if (!leaf || (present && object::is_deleting(*present))) return;
  if (!present) {
    after.create(kCopySource, owner.cluster, copy_for(ingress, *leaf, std::nullopt));
  } else if ((*present)["type"].as_string() != kTlsType) {
    after.remove(kCopySource, owner.cluster, *present);  // a type can not be changed
  } else {
    Value wanted = copy_for(ingress, *leaf, present);
    if (wanted != *present) after.update(kCopySource, owner.cluster, std::move(wanted));
  }
}

void Certificates::remove_copy(const World& world, const Owner& owner, Plan& plan) const {
  auto copy = world.find({kCopySource, owner.cluster, owner.ns, copy_name(owner.name)});
  if (copy) plan.remove(kCopySource, owner.cluster, *copy);
}

}  // namespace glbc
