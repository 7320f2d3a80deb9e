// Hashes over bytes. Pure, thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace pki {

std::string sha256(std::string_view bytes);  // 32 raw bytes
std::string sha224(std::string_view bytes);  // 28 raw bytes
std::string md5(std::string_view bytes);     // 16 raw bytes; for identifiers, never for security

}  // namespace pki
