// Which claim labels an object must carry: kept from the APIBindings by a cache listener, so it is
// never behind an acknowledged write. Workspaces without accepted claims take no space.
// Thread-safe. Source: reference kcp-apis.md 1.6.
#pragma once

#include <map>
#include <shared_mutex>
#include <string>
#include <vector>

#include "cache/cache.h"
#include "sharing/claims.h"

namespace controllers {

class ClaimIndex {
 public:
  explicit ClaimIndex(cache::Cache& cache);

  // The claim labels of an object in `table` of `cluster` that has these labels, sorted by key.
  object::Labels labels_for(const cache::TableId& table, std::string_view cluster,
                            const object::Labels& labels) const;
  // Whether an object at rest carries other claim labels than it must.
  bool is_wrong(const cache::TableId& table, const cache::Item& item) const;

 private:
  struct Granted {
    sharing::Claim claim;
    std::string key, value;  // of the label
    object::LabelSelector selector;
  };
  using ByBinding = std::map<std::string, std::vector<Granted>>;
  void on_binding(const cache::Event& event);
  bool has_claims(std::string_view cluster) const;

  mutable std::shared_mutex mutex_;
  std::map<std::string, ByBinding, std::less<>> clusters_;  // guarded by mutex_
};

}  // namespace controllers
