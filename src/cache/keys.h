// The parts of a storage key, without copies.
#pragma once

#include <optional>
#include <string_view>

#include "cache/cache.h"

namespace cache {

struct StorageKeyView {
  std::string_view table;  // "<group|core>/<resource>[:<identity>]"
  KeyView key;
};
std::optional<StorageKeyView> split_storage_key(std::string_view text);
TableId parse_table(std::string_view text);

// The item for a stored record whose key is `place`; null (and a log line) if it is not an object.
ItemPtr make_item(const std::optional<StorageKeyView>& place, const storage::RecordView& record);

}  // namespace cache
