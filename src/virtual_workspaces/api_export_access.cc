#include "virtual_workspaces/api_export_access.h"

#include <algorithm>
#include <mutex>

#include "auth/accounts.h"
#include "base/error.h"
#include "json/text.h"
#include "object/object.h"
#include "registry/kind_table.h"
#include "sharing/claims.h"

namespace virtual_workspaces {
namespace {

using json::Value;

const object::GroupResource kBindings{"apis.kcp.io", "apibindings"};

Error forbidden(const ExportRequest& request, std::string_view reason) {
  auto attributes = server::attributes_of(request.user, request.info, request.target);
  return Error::forbidden(attributes.group, attributes.resource, attributes.name,
                          auth::forbidden_message(attributes, reason));
}

bool is_read(std::string_view verb) { return verb == "get" || verb == "list" || verb == "watch"; }

bool is_bound(const Value& binding, const Offer& offer) {
  return std::ranges::any_of(
      binding.at("status", "boundResources").elements(), [&](const Value& bound) {
        return bound["group"].as_string() == offer.kind->group &&
               bound["resource"].as_string() == offer.kind->plural &&
               bound.at("schema", "identityHash").as_string() == offer.identity;
      });
}

// The accepted claim that permits the verb, or null.
Value permitting_claim(const Value& binding, const Offer& offer, std::string_view verb) {
  if (offer.claim.is_null() || !sharing::has_verb(offer.claim["verbs"], verb)) return {};
  sharing::Claim wanted = sharing::claim_of(offer.claim);
  for (const Value& answer : binding.at("spec", "permissionClaims").elements()) {
    bool same = sharing::is_accepted(answer) && sharing::claim_of(answer) == wanted;
    if (same && sharing::has_verb(answer["verbs"], verb)) return answer;
  }
  return {};
}

}  // namespace

ExportAccess::ExportAccess(cache::Cache& cache, auth::Authorizer& authorizer)
    : cache_(cache), authorizer_(authorizer) {
  cache.listen(registry::kExportTable, [this](const cache::Event& event) { on_export(event); });
}

void ExportAccess::on_export(const cache::Event& event) {
  const cache::Item& item = *event.item;
  bool gone = event.type == cache::Event::Type::Deleted;
  auto object = gone ? Value() : json::parse(item.json());
  std::string identity = object ? object->at("status", "identityHash").str() : "";
  std::unique_lock lock(mutex_);
  auto known = identity_of_.find(item.key());
  if (known != identity_of_.end()) {
    auto others = by_identity_.find(known->second);
    others->second.erase(item.key());
    if (others->second.empty()) by_identity_.erase(others);
    identity_of_.erase(known);
  }
  if (identity.empty()) return;
  by_identity_[identity].insert(item.key());
  identity_of_[item.key()] = identity;
}

Task<> ExportAccess::check_content(const auth::UserPtr& user, const std::string& cluster,
                                   const std::string& name, const server::RequestInfo& info) {
  auth::Attributes attributes;
  attributes.user = auth::seen_from(user, cluster);
  attributes.verb = info.verb;
  attributes.cluster = cluster;
  attributes.group = "apis.kcp.io";
  attributes.version = "v1alpha2";
  attributes.resource = "apiexports";
  attributes.subresource = "content";
  attributes.name = name;
  attributes.deep = true;
  auto verdict = co_await authorizer_.authorize(attributes);
  if (verdict.decision == auth::Decision::Allow) co_return;
  throw Error::forbidden(attributes.group, attributes.resource, name,
                         auth::forbidden_message(attributes, verdict.reason));
}

Value ExportAccess::check_consumer(const ExportRequest& request, const Offer& offer) const {
  object::LabelSelector selector;
  selector.require({sharing::kExportLabel,
                    object::LabelSelector::Operator::In,
                    {sharing::export_hash(request.cluster, object::name(request.api_export))}});
  cache::Filter filter{.cluster = request.target, .labels = selector};
  bool any = false, bindings = offer.kind->group_resource() == kBindings;
  for (const auto& item : cache_.table(registry::kBindingTable).list(filter).items) {
    auto binding = json::parse(item->json());
    bool bound =
        binding && binding->at("status", "apiExportClusterName").as_string() == request.cluster;
    if (!bound) continue;
    any = true;
    if (offer.claim.is_null() && !offer.filter && is_bound(*binding, offer)) return {};
    Value claim = permitting_claim(*binding, offer, request.info.verb);
    if (!claim.is_null()) return claim;
  }
  if (!any)
    throw forbidden(request, "could not find suitable APIBinding in target logical cluster");
  if (bindings && is_read(request.info.verb)) return {};
  if (bindings) {
    throw forbidden(request, "write access to APIBinding is not allowed from virtual workspace");
  }
  throw forbidden(request, "failed to find suitable reason to allow access in APIBinding");
}

Task<> ExportAccess::check_owners(const ExportRequest& request, const Offer& offer) {
  if (offer.claim.is_null() || offer.identity.empty() || request.user->in_group(auth::kMasters)) {
    co_return;
  }
  std::set<cache::Key> owners;
  {
    std::shared_lock lock(mutex_);
    auto known = by_identity_.find(offer.identity);
    if (known != by_identity_.end()) owners = known->second;
  }
  if (owners.empty()) throw forbidden(request, "the claimed resource has no APIExport any more");
  for (const cache::Key& owner : owners) {
    auto item = cache_.table(registry::kExportTable).find(owner);
    auto object = item ? json::parse(item->json()) : Value();
    bool limited = object && object->at("spec", "maximalPermissionPolicy", "local").is_object();
    if (!limited) continue;
    auto attributes =
        server::attributes_of(auth::as_consumer(*request.user), request.info, owner.cluster);
    attributes.deep = true;
    auto verdict = co_await authorizer_.authorize(attributes);
    if (verdict.decision == auth::Decision::Allow) continue;
    throw forbidden(request,
                    "not permitted by the maximal permission policy of APIExport " + owner.name);
  }
}

}  // namespace virtual_workspaces
