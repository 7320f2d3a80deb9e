#include "controllers/api_sharing/policies.h"

#include <algorithm>
#include <mutex>
#include <set>
#include <shared_mutex>

#include "controllers/api_sharing/context.h"
#include "json/text.h"

namespace controllers {
namespace {

using json::Value;

class ExportPolicies final : public auth::PermissionPolicies {
 public:
  explicit ExportPolicies(cache::Cache& cache) : cache_(cache) {}

  void on_export(const cache::Event& event) {
    bool gone = event.type == cache::Event::Type::Deleted;
    auto object = gone ? Value() : json::parse(event.item->json());
    bool bounds = object && object->at("spec", "maximalPermissionPolicy", "local").is_object();
    std::unique_lock lock(mutex_);
    if (bounds) {
      bounding_.insert(event.item->key());
    } else {
      bounding_.erase(event.item->key());
    }
  }

  std::optional<std::string> bounding_cluster(std::string_view cluster, std::string_view group,
                                              std::string_view resource) const override {
    if (!any()) return {};
    cache::Filter filter{.cluster = std::string(cluster)};
    for (const auto& item : cache_.table(kBindings).list(filter).items) {
      auto binding = json::parse(item->json());
      if (!binding || !binds(*binding, group, resource)) continue;
      cache::Key api_export{binding->at("status", "apiExportClusterName").str(), "",
                            binding->at("spec", "reference", "export", "name").str()};
      std::shared_lock lock(mutex_);
      if (bounding_.contains(api_export)) return std::move(api_export.cluster);
    }
    return {};
  }

 private:
  bool any() const {
    std::shared_lock lock(mutex_);
    return !bounding_.empty();
  }

  static bool binds(const Value& binding, std::string_view group, std::string_view resource) {
    return std::ranges::any_of(
        binding.at("status", "boundResources").elements(), [&](const Value& bound) {
          return bound["group"].as_string() == group && bound["resource"].as_string() == resource;
        });
  }

  cache::Cache& cache_;
  mutable std::shared_mutex mutex_;
  std::set<cache::Key> bounding_;  // exports with a policy; guarded by mutex_
};

}  // namespace

std::shared_ptr<const auth::PermissionPolicies> make_permission_policies(cache::Cache& cache) {
  auto policies = std::make_shared<ExportPolicies>(cache);
  cache.listen(kExports, [policies](const cache::Event& event) { policies->on_export(event); });
  return policies;
}

}  // namespace controllers
