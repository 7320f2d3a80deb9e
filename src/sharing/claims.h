// Permission claims: what a provider asks for in its consumers' workspaces, what a consumer grants,
// and the labels that mark granted objects, so that a provider's view is a label selector. Pure,
// thread-safe. Source: reference kcp-apis.md 1.6, 3.4, appendix B.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/result.h"
#include "json/value.h"
#include "object/selector.h"

namespace sharing {

inline constexpr std::string_view kClaimLabel = "claimed.internal.apis.kcp.io/";  // + export_hash
inline constexpr const char* kExportLabel = "internal.apis.kcp.io/export";        // on APIBindings
inline constexpr std::string_view kExtraAnnotation = "extra.apis.kcp.io/";  // export to bindings
inline constexpr const char* kSkipEndpointSlice = "apiexports.apis.kcp.io/skip-endpointslice";
// The value of the claim label that an APIBinding carries for its own export without a claim.
inline constexpr std::string_view kReflexiveValue = "LstvmbbzVDDOn90ZbhzSQO5U3DMCf88h1pZ";

// Extra attributes of the system user in whose name a provider's write is forwarded to a consumer:
// who the provider is, and what the objects that it may touch look like. Set in this process only.
inline constexpr const char* kProviderName = "internal.apis.kcp.io/provider-name";
inline constexpr const char* kProviderGroups = "internal.apis.kcp.io/provider-groups";
inline constexpr const char* kRequiredLabel = "internal.apis.kcp.io/required-label";  // key, value
inline constexpr const char* kRequiredSelector = "internal.apis.kcp.io/required-selector";  // JSON

// Which resource a claim is about.
struct Claim {
  std::string group;
  std::string resource;
  std::string identity;      // of the export that the resource comes from; "" for built-ins
  std::string text() const;  // "widgets.example.io", for messages
  friend auto operator<=>(const Claim&, const Claim&) = default;
};
// Of an entry of spec.permissionClaims, of an export or a binding.
Claim claim_of(const json::Value& entry);
bool is_accepted(const json::Value& entry);  // of a binding

// A short name of an export in labels: of its logical cluster's name and its own.
std::string export_hash(std::string_view cluster, std::string_view name);
std::string claim_label_key(std::string_view export_hash);
std::string claim_label_value(const Claim& claim);

// Whether a resource that every workspace serves may be claimed.
bool is_claimable(std::string_view group, std::string_view resource);

// Whether a list of verbs contains `verb` or "*".
bool has_verb(const json::Value& verbs, std::string_view verb);
// Whether two lists of verbs mean the same; "*" equals every list.
bool same_verbs(const json::Value& a, const json::Value& b);

// The objects that a selector of a claim grants: matchAll, or matchLabels and matchExpressions.
Result<object::LabelSelector> claim_selector(const json::Value& selector);

// What is wrong with spec.permissionClaims of an APIExport or an APIBinding.
std::vector<Cause> check_export_claims(const json::Value& claims);
std::vector<Cause> check_binding_claims(const json::Value& claims);

}  // namespace sharing
