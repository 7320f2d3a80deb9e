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

}  // namespace cache
