// Domain names in wire form: length-prefixed labels up to the empty root label. Pure, bounded.
// Source: RFC 1035 3.1, RFC 4343.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace dnswire {

inline constexpr std::size_t kMaxNameBytes = 255;

// "www.example.org" or "www.example.org." to wire form; "." is the root. Labels are letters,
// digits,
// '-', '_' and '*'. BadRequest if it is not a name.
Result<std::string> parse_name(std::string_view text);
std::string name_text(std::string_view wire);  // "www.example.org."; other bytes as \ddd
std::string lower_name(std::string_view wire);
// Whether `name` is `zone` or below it; both in lower case.
bool is_within(std::string_view name, std::string_view zone);
// The name without its first label; the root has none ("").
std::string_view parent_of(std::string_view wire);

}  // namespace dnswire
