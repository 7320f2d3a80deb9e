#include "virtual_workspaces/api_export_offer.h"

#include <algorithm>
#include <map>

#include "object/object.h"
#include "sharing/claims.h"

namespace virtual_workspaces {
namespace {

using json::Value;
using Requirement = object::LabelSelector::Requirement;

const object::GroupResource kBindings{"apis.kcp.io", "apibindings"};

Offer own_bindings(const registry::KindTable& kinds, const std::string& hash) {
  return {kinds.find("*", kBindings.group, kBindings.resource),
          "",
          Requirement{sharing::kExportLabel, object::LabelSelector::Operator::In, {hash}},
          {}};
}

std::optional<Offer> claimed(const registry::KindTable& kinds, const std::string& hash,
                             const Value& entry) {
  sharing::Claim claim = sharing::claim_of(entry);
  bool builtin = claim.identity.empty();
  if (builtin && !sharing::is_claimable(claim.group, claim.resource)) return {};
  auto kind = kinds.find("*", claim.group, claim.resource, claim.identity);
  if (!kind) return {};
  Offer offer{std::move(kind), claim.identity, {}, entry};
  if (offer.kind->virtual_only) return offer;  // nothing is stored that could be labelled
  offer.filter = Requirement{sharing::claim_label_key(hash),
                             object::LabelSelector::Operator::In,
                             {sharing::claim_label_value(claim)}};
  if (offer.kind->group_resource() == kBindings) {
    offer.filter->values.emplace_back(sharing::kReflexiveValue);
    std::ranges::sort(offer.filter->values);
  }
  return offer;
}

// In order of precedence: a claim never hides an exported resource.
template <class Visit>
void visit_offers(const registry::KindTable& kinds, const std::string& cluster,
                  const Value& api_export, Visit visit) {
  std::string identity = api_export.at("status", "identityHash").str();
  std::string hash = sharing::export_hash(cluster, object::name(api_export));
  if (identity.empty()) return;
  for (const Value& one : api_export.at("spec", "resources").elements()) {
    auto kind = kinds.find("*", one["group"].as_string(), one["name"].as_string(), identity);
    if (kind) visit(Offer{std::move(kind), identity, {}, {}});
  }
  for (const Value& entry : api_export.at("spec", "permissionClaims").elements()) {
    if (auto offer = claimed(kinds, hash, entry)) visit(std::move(*offer));
  }
  visit(own_bindings(kinds, hash));
}

}  // namespace

std::vector<Offer> offers_of(const registry::KindTable& kinds, const std::string& cluster,
                             const Value& api_export) {
  std::map<object::GroupResource, Offer> all;
  visit_offers(kinds, cluster, api_export, [&](Offer offer) {
    auto resource = offer.kind->group_resource();
    all.emplace(std::move(resource), std::move(offer));
  });
  std::vector<Offer> offers;
  for (auto& [resource, offer] : all) offers.push_back(std::move(offer));
  return offers;
}

std::optional<Offer> find_offer(const registry::KindTable& kinds, const std::string& cluster,
                                const Value& api_export, const object::GroupResource& resource) {
  std::optional<Offer> found;
  visit_offers(kinds, cluster, api_export, [&](Offer offer) {
    if (!found && offer.kind->group_resource() == resource) found = std::move(offer);
  });
  return found;
}

std::vector<registry::KindPtr> offered_kinds(const std::vector<Offer>& offers) {
  std::vector<registry::KindPtr> kinds;
  for (const Offer& offer : offers) {
    bool own_bindings_only = offer.claim.is_null() && offer.filter;
    if (!own_bindings_only) {
      kinds.push_back(offer.kind);
      continue;
    }
    auto readable = std::make_shared<registry::Kind>(*offer.kind);
    readable->verbs = {"get", "list", "watch"};
    kinds.push_back(std::move(readable));
  }
  return kinds;
}

}  // namespace virtual_workspaces
