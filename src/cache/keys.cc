#include "cache/keys.h"

#include "base/log.h"

namespace cache {

std::string storage_key(const TableId& table, KeyView key) {
  std::string text = prefix_of_cluster(key.cluster);
  text.append(table.group.empty() ? "core" : table.group).append("/").append(table.resource);
  if (!table.identity.empty()) text.append(":").append(table.identity);
  return text.append("/").append(key.ns).append("/").append(key.name);
}

std::string prefix_of_cluster(std::string_view cluster) {
  return std::string("/").append(cluster).append("/");
}

std::optional<StorageKeyView> split_storage_key(std::string_view text) {
  std::size_t slashes[5], count = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '/') continue;
    if (count == 5) return {};
    slashes[count++] = i;
  }
  if (count != 5 || slashes[0] != 0 || slashes[1] == 1 || slashes[4] + 1 == text.size()) return {};
  auto between = [&](std::size_t from, std::size_t to) {
    return text.substr(slashes[from] + 1, slashes[to] - slashes[from] - 1);
  };
  return StorageKeyView{between(1, 3), {between(0, 1), between(3, 4), text.substr(slashes[4] + 1)}};
}

TableId parse_table(std::string_view text) {
  std::size_t slash = text.find('/'), colon = text.find(':', slash);
  TableId table;
  if (text.substr(0, slash) != "core") table.group = text.substr(0, slash);
  table.resource = text.substr(slash + 1, colon == text.npos ? colon : colon - slash - 1);
  if (colon != text.npos) table.identity = text.substr(colon + 1);
  return table;
}

ItemPtr make_item(const std::optional<StorageKeyView>& place, const storage::RecordView& record) {
  ItemPtr item =
      place ? Item::make(place->key, record.value, storage::number(record.modified)) : nullptr;
  if (!item) {
    log(LogLevel::Error, "cache", "skipping a stored value that is not an object",
        {{"key", std::string(record.key)}});
  }
  return item;
}

ItemPtr make_item(const storage::Record& record) {
  return make_item(split_storage_key(record.key), storage::view_of(record));
}

}  // namespace cache
