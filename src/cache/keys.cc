#include "base/strings.h"
#include "cache/cache.h"

namespace cache {

std::string storage_key(const TableId& table, const Key& key) {
  std::string text = prefix_of_cluster(key.cluster);
  text.append(table.group.empty() ? "core" : table.group).append("/").append(table.resource);
  if (!table.identity.empty()) text.append(":").append(table.identity);
  return text.append("/").append(key.ns).append("/").append(key.name);
}

std::string prefix_of_cluster(std::string_view cluster) { return "/" + std::string(cluster) + "/"; }

std::optional<std::pair<TableId, Key>> parse_storage_key(std::string_view text) {
  if (!text.starts_with('/')) return {};
  auto parts = split(text.substr(1), '/');
  if (parts.size() != 5 || parts[0].empty() || parts[4].empty()) return {};
  TableId table;
  if (parts[1] != "core") table.group = parts[1];
  std::size_t colon = parts[2].find(':');
  table.resource = parts[2].substr(0, colon);
  if (colon != std::string_view::npos) table.identity = parts[2].substr(colon + 1);
  return std::pair(std::move(table),
                   Key{std::string(parts[0]), std::string(parts[3]), std::string(parts[4])});
}

}  // namespace cache
