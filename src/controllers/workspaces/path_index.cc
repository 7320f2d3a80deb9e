#include "controllers/workspaces/path_index.h"

#include <mutex>

#include "base/strings.h"
#include "json/scan.h"
#include "tenancy/path.h"

namespace controllers {
namespace {

// Its spec.cluster, without a tree: at a start every workspace is looked at.
std::string cluster_of(std::string_view workspace) {
  std::string cluster;
  json::Scanner scan(workspace);
  scan.members([&](std::string_view field) {
    if (field != "spec") {
      scan.skip();
      return true;
    }
    scan.members([&](std::string_view key) {
      if (key == "cluster" && scan.is_next('"')) {
        cluster = scan.string();
      } else {
        scan.skip();
      }
    });
    return false;
  });
  return scan.ok() ? cluster : std::string();
}

}  // namespace

PathIndex::PathIndex(cache::Cache& cache) {
  cache.listen({"tenancy.kcp.io", "workspaces", ""},
               [this](const cache::Event& event) { on_workspace(event); });
  cache.listen({"core.kcp.io", "logicalclusters", ""},
               [this](const cache::Event& event) { on_logical_cluster(event); });
}

void PathIndex::on_workspace(const cache::Event& event) {
  const cache::Item& item = *event.item;
  std::string child = cluster_of(item.json());
  bool gone = event.type == cache::Event::Type::Deleted;
  // At a start they come in order, each behind the last: that is what the hints below are for.
  std::unique_lock lock(mutex_);
  std::pair place(std::string(item.cluster()), std::string(item.name()));
  if (gone || item.deleting()) {
    children_.erase(place);
  } else {
    children_.insert_or_assign(children_.end(), std::move(place), child);
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
    clusters_.emplace_hint(clusters_.end(), event.item->cluster());
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
