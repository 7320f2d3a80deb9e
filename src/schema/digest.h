// SHA-256, for addressing content.
#pragma once

#include <string>
#include <string_view>

namespace schema {

std::string sha256_hex(std::string_view bytes);

}  // namespace schema
