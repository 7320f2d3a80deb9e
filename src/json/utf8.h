// UTF-8 as Go treats it: what is not valid becomes U+FFFD, a byte at a time. Pure.
#pragma once

#include <string>
#include <string_view>

namespace json {

// `text` itself if it is valid UTF-8, else a copy with U+FFFD for each invalid byte.
std::string valid_utf8(std::string_view text);
void append_utf8(std::string& out, char32_t code_point);

}  // namespace json
