// CRC-32C (Castagnoli), the checksum of RocksDB's log. Pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace storage {

// Of `bytes`, going on from the checksum `before` of what stands in front of them.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0);

}  // namespace storage
