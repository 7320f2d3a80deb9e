#include "controllers/api_sharing/claim_index.h"

#include <algorithm>
#include <mutex>

#include "controllers/api_sharing/context.h"
#include "json/text.h"

namespace controllers {
namespace {

using Label = std::pair<std::string, std::string>;

auto first_claim_label(const object::Labels& labels) {
  return std::ranges::lower_bound(
      labels, sharing::kClaimLabel, {},
      [](const Label& label) -> std::string_view { return label.first; });
}

}  // namespace

ClaimIndex::ClaimIndex(cache::Cache& cache) {
  cache.listen(kBindings, [this](const cache::Event& event) { on_binding(event); });
}

void ClaimIndex::on_binding(const cache::Event& event) {
  const cache::Item& item = *event.item;
  std::vector<Granted> granted;
  bool gone = event.type == cache::Event::Type::Deleted;
  auto binding = gone ? json::Value() : json::parse(item.json());
  std::string provider = binding ? binding->at("status", "apiExportClusterName").str() : "";
  if (!provider.empty()) {
    std::string name = binding->at("spec", "reference", "export", "name").str();
    std::string key = sharing::claim_label_key(sharing::export_hash(provider, name));
    for (const json::Value& entry : binding->at("spec", "permissionClaims").elements()) {
      auto selector = sharing::claim_selector(entry["selector"]);
      if (!sharing::is_accepted(entry) || !selector) continue;
      sharing::Claim claim = sharing::claim_of(entry);
      std::string value = sharing::claim_label_value(claim);
      granted.push_back({std::move(claim), key, std::move(value), std::move(*selector)});
    }
  }
  std::unique_lock lock(mutex_);
  std::string name(item.name());
  auto cluster = clusters_.find(item.cluster());
  if (!granted.empty()) {
    clusters_[std::string(item.cluster())][name] = std::move(granted);
  } else if (cluster != clusters_.end()) {
    cluster->second.erase(name);
    if (cluster->second.empty()) clusters_.erase(cluster);
  }
}

object::Labels ClaimIndex::labels_for(const cache::TableId& table, std::string_view cluster,
                                      const object::Labels& labels) const {
  std::map<std::string, std::string> wanted;
  if (table == kBindings) {  // a provider always sees the bindings of its export
    auto own = std::ranges::find(labels, sharing::kExportLabel, &Label::first);
    if (own != labels.end()) {
      wanted[sharing::claim_label_key(own->second)] = sharing::kReflexiveValue;
    }
  }
  std::shared_lock lock(mutex_);
  auto bindings = clusters_.find(cluster);
  if (bindings != clusters_.end()) {
    for (const auto& [binding, all] : bindings->second) {
      for (const Granted& one : all) {
        bool same = one.claim.resource == table.resource && one.claim.group == table.group &&
                    one.claim.identity == table.identity;
        if (same && one.selector.matches(labels)) wanted[one.key] = one.value;
      }
    }
  }
  return {wanted.begin(), wanted.end()};
}

bool ClaimIndex::has_claims(std::string_view cluster) const {
  std::shared_lock lock(mutex_);
  return clusters_.contains(cluster);
}

bool ClaimIndex::is_wrong(const cache::TableId& table, const cache::Item& item) const {
  if (table != kBindings && !has_claims(item.cluster()) &&
      std::ranges::none_of(item.labels(), [](const auto& label) {
        return label.first.starts_with(sharing::kClaimLabel);
      })) {
    return false;
  }
  object::Labels labels = item.labels().copy();
  auto first = first_claim_label(labels);
  auto last = std::find_if_not(first, labels.cend(), [](const Label& label) {
    return label.first.starts_with(sharing::kClaimLabel);
  });
  object::Labels wanted = labels_for(table, item.cluster(), labels);
  return !std::ranges::equal(first, last, wanted.begin(), wanted.end());
}

}  // namespace controllers
