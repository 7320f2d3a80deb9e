// Permission claims: what an APIExport asks for, what an APIBinding says to it. Pure. Source:
// reference kcp-apis.md 1.6, 1.8, 6.2 to 6.4.
#pragma once

#include <string>
#include <vector>

#include "json/value.h"
#include "object/object.h"

namespace plugin {

enum class Answer { Accepted, Rejected };

// Which claims a user means.
struct ClaimFilter {
  std::vector<object::GroupResource> resources;
  std::string identity_hash;  // "" = any
  bool all = false;
  bool means(const json::Value& claim) const;
};

// "configmaps" or "deployments.apps", as it is shown.
std::string claim_text(const json::Value& claim);

// The claim for spec.permissionClaims that answers one of an export's: its verbs, identity and
// proposed selector (everything if none).
json::Value answered_claim(const json::Value& wanted, Answer answer);

// `binding`'s spec.permissionClaims with `answer` to all claims that `filter` means, of those it
// has and of `wanted` (what its export asks for). `matched` counts them.
json::Value answered_claims(const json::Value& binding, const json::Value& wanted,
                            const ClaimFilter& filter, Answer answer, std::size_t* matched);

// Rows of `claims get`: binding, resource, verbs, state; "Pending" where there is no answer yet.
std::vector<std::vector<std::string>> claim_rows(const json::Value& binding);

}  // namespace plugin
