// Which logical cluster a workspace path means: kept by cache listeners, so it is never behind an
// acknowledged write. A workspace that is being deleted is not found any more. Thread-safe; memory
// in proportion to the number of workspaces.
#pragma once

#include <map>
#include <set>
#include <shared_mutex>
#include <string>

#include "cache/cache.h"
#include "server/server.h"

namespace controllers {

class PathIndex final : public server::ClusterResolver {
 public:
  explicit PathIndex(cache::Cache& cache);

  std::optional<std::string> resolve(std::string_view path) const override;
  std::optional<std::string> resolve_for_system(std::string_view name) const override;

 private:
  void on_workspace(const cache::Event& event);
  void on_logical_cluster(const cache::Event& event);

  mutable std::shared_mutex mutex_;
  std::map<std::pair<std::string, std::string>, std::string> children_;  // guarded by mutex_
  std::set<std::string, std::less<>> hidden_;    // clusters being deleted; guarded by mutex_
  std::set<std::string, std::less<>> clusters_;  // that exist; guarded by mutex_
};

}  // namespace controllers
