#include "registry/content.h"

#include <algorithm>

namespace registry {
namespace {

constexpr std::size_t kMaxAtOnce = 5000;

}  // namespace

bool takes_steps(const std::vector<cache::Placed>& content) {
  return content.size() > kMaxAtOnce ||
         std::ranges::any_of(content, [](const auto& one) { return one.item->has_finalizers(); });
}

std::vector<cache::Placed> content_of_namespace(const cache::Cache& cache, std::string_view cluster,
                                                std::string_view ns) {
  return cache.content(cluster, ns, kMaxAtOnce + 1);
}

std::vector<cache::Placed> content_of_table(cache::Cache& cache, std::string_view cluster,
                                            const cache::TableId& table) {
  cache::Filter filter;
  filter.cluster = cluster;
  std::vector<cache::Placed> content;
  for (auto& item : cache.table(table).list(filter, kMaxAtOnce + 1).items) {
    content.push_back({table, std::move(item)});
  }
  return content;
}

std::vector<storage::Write> removals(const std::vector<cache::Placed>& content) {
  std::vector<storage::Write> writes;
  for (const cache::Placed& one : content) {
    writes.push_back({cache::storage_key(one.table, one.item->key()), std::nullopt});
  }
  return writes;
}

}  // namespace registry
