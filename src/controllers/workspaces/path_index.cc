#include "controllers/workspaces/path_index.h"

#include <mutex>

#include "base/strings.h"
#include "json/text.h"
#include "tenancy/path.h"

namespace controllers {

PathIndex::PathIndex(cache::Cache& cache) {
  cache.listen({"tenancy.kcp.io", "workspaces", ""},
               [this](const cache::Event& event) { on_workspace(event); });
  cache.listen({"core.kcp.io", "logicalclusters", ""},
               [this](const cache::Event& event) { on_logical_cluster(event); });
}

void PathIndex::on_workspace(const cache::Event& event) {
  const cache::Item& item = *event.item;
  auto workspace = json::parse(item.json());
  std::string child = workspace ? workspace->at("spec", "cluster").str() : "";
  bool gone = event.type == cache::Event::Type::Deleted;
  std::unique_lock lock(mutex_);
  std::pair place(std::string(item.cluster()), std::string(item.name()));
  if (gone || item.deleting()) {
    children_.erase(place);
  } else {
    children_[place] = child;
  }
  if (gone) {
    hidden_.erase(child);
  } else if (item.deleting()) {
    hidden_.insert(child);
  }
}

void PathIndex::on_logical_cluster(const cache::Event& event) {
  std::unique_lock lock(mutex_);
  if (event.type == cache::Event::Type::Deleted) {
    clusters_.erase(std::string(event.item->cluster()));
  } else {
    clusters_.emplace(event.item->cluster());
  }
}

std::optional<std::string> PathIndex::resolve(std::string_view path) const {
  std::shared_lock lock(mutex_);
  if (tenancy::is_cluster_name(path)) {
    bool known = clusters_.contains(path) && !hidden_.contains(path);
    return known ? std::optional(std::string(path)) : std::nullopt;
  }
  auto parts = split(path, ':');
  std::string cluster(parts[0]);
  if (!clusters_.contains(cluster) || hidden_.contains(cluster)) return {};
  for (std::size_t i = 1; i < parts.size(); ++i) {
    auto child = children_.find({cluster, std::string(parts[i])});
    if (child == children_.end() || hidden_.contains(child->second)) return {};
    cluster = child->second;
  }
  return cluster;
}

std::optional<std::string> PathIndex::resolve_for_system(std::string_view name) const {
  std::shared_lock lock(mutex_);
  return clusters_.contains(name) ? std::optional(std::string(name)) : std::nullopt;
}

}  // namespace controllers
