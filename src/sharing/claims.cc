#include "sharing/claims.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "json/text.h"
#include "object/names.h"
#include "object/object.h"
#include "tenancy/hash.h"

namespace sharing {
namespace {

using json::Value;

constexpr std::size_t kMaxClaims = 256;
constexpr std::size_t kMaxVerbs = 32;
constexpr const char* kField = "spec.permissionClaims";

struct Claimable {
  std::string_view group, resource;
  friend bool operator==(const Claimable&, const Claimable&) = default;
};

// Self*Reviews are left out on purpose: they would answer for the system.
constexpr std::array kClaimable{
    Claimable{"", "namespaces"},
    Claimable{"", "configmaps"},
    Claimable{"", "events"},
    Claimable{"", "resourcequotas"},
    Claimable{"", "secrets"},
    Claimable{"", "serviceaccounts"},
    Claimable{"rbac.authorization.k8s.io", "clusterroles"},
    Claimable{"rbac.authorization.k8s.io", "clusterrolebindings"},
    Claimable{"rbac.authorization.k8s.io", "roles"},
    Claimable{"rbac.authorization.k8s.io", "rolebindings"},
    Claimable{"certificates.k8s.io", "certificatesigningrequests"},
    Claimable{"coordination.k8s.io", "leases"},
    Claimable{"admissionregistration.k8s.io", "mutatingwebhookconfigurations"},
    Claimable{"admissionregistration.k8s.io", "validatingwebhookconfigurations"},
    Claimable{"admissionregistration.k8s.io", "validatingadmissionpolicies"},
    Claimable{"admissionregistration.k8s.io", "validatingadmissionpolicybindings"},
    Claimable{"admissionregistration.k8s.io", "mutatingadmissionpolicies"},
    Claimable{"admissionregistration.k8s.io", "mutatingadmissionpolicybindings"},
    Claimable{"apiextensions.k8s.io", "customresourcedefinitions"},
    Claimable{"core.kcp.io", "logicalclusters"},
    Claimable{"authorization.k8s.io", "subjectaccessreviews"},
    Claimable{"authorization.k8s.io", "localsubjectaccessreviews"},
    Claimable{"authentication.k8s.io", "tokenreviews"},
    Claimable{"apis.kcp.io", "apibindings"},
    Claimable{"apis.kcp.io", "apiresourceschemas"},
    Claimable{"apis.kcp.io", "apiexports"}};

void check_verbs(const Value& verbs, const std::string& path, std::vector<Cause>& causes) {
  if (verbs.empty()) causes.push_back(object::required_value(path));
  if (verbs.size() > kMaxVerbs) {
    causes.push_back(object::invalid_value(path, "array", "must have at most 32 entries"));
  }
  for (const Value& verb : verbs.elements()) {
    if (verb.as_string().empty()) {
      causes.push_back(object::invalid_value(path, verb, "verbs must not be empty"));
    }
  }
}

// `required`: a selector must be given in one of its forms.
void check_selector(const Value& selector, const std::string& path, bool required,
                    std::vector<Cause>& causes) {
  bool all = selector["matchAll"].as_bool();
  bool some = !selector["matchLabels"].empty() || !selector["matchExpressions"].empty();
  if (all && some) {
    causes.push_back(object::invalid_value(
        path, "object", "matchAll is mutually exclusive with matchLabels and matchExpressions"));
  }
  if (!all && !some && (required || !selector.is_null())) {
    causes.push_back(object::required_value(
        path, "one of matchAll, matchLabels or matchExpressions must be set"));
  }
  for (const json::Member& label : selector["matchLabels"].members()) {
    for (const std::string& why : object::check_qualified_name(label.key)) {
      causes.push_back(object::invalid_value(path + ".matchLabels", label.key, why));
    }
    for (const std::string& why : object::check_label_value(label.value.as_string())) {
      causes.push_back(object::invalid_value(path + ".matchLabels", label.value, why));
    }
  }
  auto parsed = claim_selector(selector);
  if (!parsed) {
    causes.push_back(
        object::invalid_value(path + ".matchExpressions", "array", parsed.error().message()));
  }
}

void check_count(const Value& claims, std::vector<Cause>& causes) {
  if (claims.size() <= kMaxClaims) return;
  causes.push_back(object::invalid_value(kField, "array", "must have at most 256 entries"));
}

}  // namespace

std::string Claim::text() const { return object::GroupResource{group, resource}.text(); }

Claim claim_of(const Value& entry) {
  return {entry["group"].str(), entry["resource"].str(), entry["identityHash"].str()};
}

bool is_accepted(const Value& entry) { return entry["state"].as_string() == "Accepted"; }

std::string export_hash(std::string_view cluster, std::string_view name) {
  return tenancy::base62_sha224(fmt::format("{}:{}", cluster, name));
}

std::string claim_label_key(std::string_view export_hash) {
  return std::string(kClaimLabel).append(export_hash);
}

// The value hashes what Go's encoder writes of the claim without verbs and selector.
std::string claim_label_value(const Claim& claim) {
  Value text = Value::object();
  if (!claim.group.empty()) text.set("group", claim.group);
  text.set("resource", claim.resource).set("verbs", nullptr);
  if (!claim.identity.empty()) text.set("identityHash", claim.identity);
  return tenancy::base62_sha224(json::print(text));
}

bool is_claimable(std::string_view group, std::string_view resource) {
  return std::ranges::find(kClaimable, Claimable{group, resource}) != kClaimable.end();
}

bool has_verb(const Value& verbs, std::string_view verb) {
  return std::ranges::any_of(verbs.elements(), [&](const Value& one) {
    return one.as_string() == verb || one.as_string() == "*";
  });
}

bool same_verbs(const Value& a, const Value& b) {
  auto contains_all = [](const Value& outer, const Value& inner) {
    return std::ranges::all_of(inner.elements(), [&](const Value& verb) {
      return verb.as_string() == "*" || has_verb(outer, verb.as_string());
    });
  };
  if (has_verb(a, "*") || has_verb(b, "*")) return true;
  return contains_all(a, b) && contains_all(b, a);
}

Result<object::LabelSelector> claim_selector(const Value& selector) {
  if (selector["matchAll"].as_bool()) return object::LabelSelector();
  if (selector["matchLabels"].empty() && selector["matchExpressions"].empty()) {
    return object::LabelSelector::nothing();
  }
  return object::LabelSelector::from_object(selector);
}

std::vector<Cause> check_export_claims(const Value& claims) {
  std::vector<Cause> causes;
  check_count(claims, causes);
  std::size_t index = 0;
  for (const Value& entry : claims.elements()) {
    std::string path = fmt::format("{}[{}]", kField, index++);
    Claim claim = claim_of(entry);
    if (claim.identity.empty() && !is_claimable(claim.group, claim.resource)) {
      causes.push_back(
          object::invalid_value(path + ".identityHash", claim.identity,
                                "identityHash is required for API types that are not built-in"));
    }
    check_verbs(entry["verbs"], path + ".verbs", causes);
    check_selector(entry["defaultSelector"], path + ".defaultSelector", false, causes);
  }
  return causes;
}

std::vector<Cause> check_binding_claims(const Value& claims) {
  std::vector<Cause> causes;
  check_count(claims, causes);
  std::size_t index = 0;
  for (const Value& entry : claims.elements()) {
    std::string path = fmt::format("{}[{}]", kField, index++);
    check_verbs(entry["verbs"], path + ".verbs", causes);
    check_selector(entry["selector"], path + ".selector", true, causes);
  }
  return causes;
}

}  // namespace sharing
