#include "dnswire/name.h"

#include <cstdio>

#include "base/strings.h"

namespace dnswire {
namespace {

bool is_label_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '*';
}

}  // namespace

Result<std::string> parse_name(std::string_view text) {
  auto bad = [&] {
    return std::unexpected(
        Error::bad_request("not a domain name: " + std::string(text.substr(0, 300))));
  };
  std::string wire;
  std::string_view rest = text;
  if (rest.ends_with('.')) rest.remove_suffix(1);
  if (rest.empty()) return text == "." ? Result<std::string>(std::string(1, '\0')) : bad();
  for (std::string_view label : split(rest, '.')) {
    if (label.empty() || label.size() > 63) return bad();
    wire += static_cast<char>(label.size());
    for (char c : label) {
      if (!is_label_char(c)) return bad();
      wire += c;
    }
  }
  wire += '\0';
  if (wire.size() > kMaxNameBytes) return bad();
  return wire;
}

std::string name_text(std::string_view wire) {
  std::string text;
  while (!wire.empty() && wire[0] != '\0') {
    auto length = static_cast<unsigned char>(wire[0]);
    for (char c : wire.substr(1, length)) {
      if (is_label_char(c)) {
        text += c;
      } else {
        char escape[8];
        std::snprintf(escape, sizeof escape, "\\%03u", static_cast<unsigned char>(c));
        text += escape;
      }
    }
    text += '.';
    wire.remove_prefix(std::min<std::size_t>(wire.size(), length + 1u));
  }
  return text.empty() ? "." : text;
}

std::string lower_name(std::string_view wire) {
  std::string out(wire);
  std::size_t at = 0;
  while (at < out.size() && out[at] != '\0') {
    std::size_t end = std::min(out.size(), at + 1 + static_cast<unsigned char>(out[at]));
    for (++at; at < end; ++at) {
      if (out[at] >= 'A' && out[at] <= 'Z') out[at] = static_cast<char>(out[at] + 32);
    }
  }
  return out;
}

bool is_within(std::string_view name, std::string_view zone) {
  while (name.size() > zone.size()) name = parent_of(name);
  return name == zone;
}

std::string_view parent_of(std::string_view wire) {
  if (wire.empty() || wire[0] == '\0') return {};
  return wire.substr(std::min<std::size_t>(wire.size(), static_cast<unsigned char>(wire[0]) + 1u));
}

}  // namespace dnswire
