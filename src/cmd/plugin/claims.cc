#include "cmd/plugin/claims.h"

#include <algorithm>

#include "base/strings.h"

namespace plugin {
namespace {

using json::Value;

bool is_same_claim(const Value& a, const Value& b) {
  return std::ranges::all_of(
      std::initializer_list<const char*>{"group", "resource", "identityHash"},
      [&](const char* field) { return a[field].as_string() == b[field].as_string(); });
}

const Value* find_claim(const Value& list, const Value& wanted) {
  for (const Value& one : list.elements()) {
    if (is_same_claim(one, wanted)) return &one;
  }
  return nullptr;
}

std::string verbs_text(const Value& claim) {
  std::vector<std::string> verbs;
  for (const Value& one : claim["verbs"].elements()) verbs.push_back(one.str());
  return verbs.empty() ? "*" : join(verbs, ",");
}

const char* text_of(Answer answer) { return answer == Answer::Accepted ? "Accepted" : "Rejected"; }

}  // namespace

bool ClaimFilter::means(const Value& claim) const {
  if (all) return true;
  if (!identity_hash.empty() && claim["identityHash"].as_string() != identity_hash) return false;
  if (resources.empty()) return !identity_hash.empty();
  return std::ranges::any_of(resources, [&](const object::GroupResource& one) {
    return claim["resource"].as_string() == one.resource && claim["group"].as_string() == one.group;
  });
}

std::string claim_text(const Value& claim) {
  return object::GroupResource{claim["group"].str(), claim["resource"].str()}.text();
}

Value answered_claim(const Value& wanted, Answer answer) {
  Value claim = Value::object({{"group", wanted["group"].str()},
                               {"resource", wanted["resource"]},
                               {"verbs", wanted["verbs"]}});
  if (claim["verbs"].empty()) claim.set("verbs", Value::array({"*"}));
  if (!wanted["identityHash"].as_string().empty()) {
    claim.set("identityHash", wanted["identityHash"]);
  }
  bool proposed = !wanted["defaultSelector"].empty();
  claim.set("selector", proposed ? wanted["defaultSelector"] : Value::object({{"matchAll", true}}));
  claim.set("state", text_of(answer));
  return claim;
}

Value answered_claims(const Value& binding, const Value& wanted, const ClaimFilter& filter,
                      Answer answer, std::size_t* matched) {
  Value claims = binding.at("spec", "permissionClaims");
  *matched = 0;
  for (Value& one : claims.edit_elements()) {
    if (!filter.means(one)) continue;
    one.set("state", text_of(answer));
    ++*matched;
  }
  for (const Value& one : wanted.elements()) {
    if (!filter.means(one) || find_claim(claims, one)) continue;
    claims.push_back(answered_claim(one, answer));
    ++*matched;
  }
  return claims;
}

std::vector<std::vector<std::string>> claim_rows(const Value& binding) {
  std::vector<std::vector<std::string>> rows;
  std::string name = object::name(binding);
  const Value& claims = binding.at("spec", "permissionClaims");
  for (const Value& one : claims.elements()) {
    rows.push_back({name, claim_text(one), verbs_text(one), one["state"].str()});
  }
  for (const Value& one : binding.at("status", "exportPermissionClaims").elements()) {
    if (!find_claim(claims, one)) {
      rows.push_back({name, claim_text(one), verbs_text(one), "Pending"});
    }
  }
  return rows;
}

}  // namespace plugin
