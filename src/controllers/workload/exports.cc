#include "controllers/workload/exports.h"

#include <algorithm>

#include "controllers/workload/names.h"
#include "json/text.h"
#include "registry/version_order.h"

namespace controllers {
namespace {

const cache::TableId kSchemas{"apis.kcp.io", "apiresourceschemas", ""};
constexpr std::size_t kMaxKnown = 1000;  // exports remembered

}  // namespace

ExportCatalog::Offer ExportCatalog::read(const std::string& cluster,
                                         const json::Value& api_export) const {
  Offer offer;
  std::string identity = api_export.at("status", "identityHash").str();
  for (const json::Value& one : api_export.at("spec", "resources").elements()) {
    auto item = cache_.table(kSchemas).find({cluster, "", one["schema"].str()});
    auto schema = item ? json::parse(item->json()) : json::Value();
    OfferedResource resource{one["group"].str(), one["name"].str(), identity, {}, true};
    if (item && schema) {
      resource.namespaced = schema->at("spec", "scope").as_string() == "Namespaced";
      for (const json::Value& version : schema->at("spec", "versions").elements()) {
        if (version["served"].as_bool()) resource.versions.push_back(version["name"].str());
      }
    }
    std::ranges::sort(resource.versions, [](const auto& a, const auto& b) {
      return registry::is_better_version(a, b);
    });
    bool usable = !resource.versions.empty() && !identity.empty();
    offer.complete = offer.complete && usable;
    if (usable) offer.resources.push_back(std::move(resource));
  }
  return offer;
}

ExportCatalog::Offer ExportCatalog::offer_of(const std::string& cluster,
                                             const json::Value& sync_target) {
  Offer all;
  for (const json::Value& one : sync_target.at("spec", "supportedAPIExports").elements()) {
    std::string path = one["path"].str(), name = one["export"].str();
    auto provider = path.empty() ? std::optional(cluster) : clusters_.resolve(path);
    auto item = provider ? cache_.table(kApiExports).find({*provider, "", name}) : nullptr;
    if (!item) {
      all.complete = false;
      continue;
    }
    if (known_.size() > kMaxKnown) known_.clear();
    Known& known = known_[{*provider, name}];
    if (known.revision != item->revision() || !known.offer.complete) {
      known = {item->revision(), read(*provider, value_or_throw(json::parse(item->json())))};
    }
    all.complete = all.complete && known.offer.complete;
    for (const OfferedResource& resource : known.offer.resources) {
      bool is_new = std::ranges::none_of(all.resources, [&](const OfferedResource& other) {
        return other.group == resource.group && other.resource == resource.resource &&
               other.identity == resource.identity;
      });
      if (is_new) all.resources.push_back(resource);
    }
  }
  return all;
}

}  // namespace controllers
