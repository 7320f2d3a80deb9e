#include "json/yaml_scalar.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>

namespace json {
namespace {

template <std::size_t N>
bool is_one_of(std::string_view text, const std::array<std::string_view, N>& words) {
  return std::ranges::find(words, text) != words.end();
}

constexpr std::array<std::string_view, 5> kNull{"", "~", "null", "Null", "NULL"};
constexpr std::array<std::string_view, 11> kTrue{"y",    "Y",    "yes", "Yes", "YES", "true",
                                                 "True", "TRUE", "on",  "On",  "ON"};
constexpr std::array<std::string_view, 11> kFalse{"n",     "N",     "no",  "No",  "NO", "false",
                                                  "False", "FALSE", "off", "Off", "OFF"};

std::optional<Value> resolve_integer(std::string_view text) {
  bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  int base = 10;
  if (text.size() > 1 && text[0] == '0') {
    char kind = text[1];
    base = kind == 'x' || kind == 'X' ? 16 : kind == 'b' || kind == 'B' ? 2 : 8;
    text.remove_prefix(base != 8 || kind == 'o' || kind == 'O' ? 2 : 1);
  }
  std::uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return {};
  if (!negative) return Value(value);
  if (value > 1ull << 63) return {};
  return Value(static_cast<std::int64_t>(0 - value));
}

// [-+]?[0-9]*.?[0-9]+([eE][-+]?[0-9]+)?
std::optional<Value> resolve_float(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  std::string_view body = text.starts_with('-') ? text.substr(1) : text;
  bool plain = !body.empty() && (body[0] == '.' || (body[0] >= '0' && body[0] <= '9'));
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (!plain || error != std::errc() || end != text.data() + text.size()) return {};
  return std::isfinite(value) ? std::optional(Value(value)) : std::nullopt;
}

}  // namespace

Value resolve_yaml_scalar(std::string_view text) {
  if (is_one_of(text, kNull)) return {};
  if (is_one_of(text, kTrue)) return true;
  if (is_one_of(text, kFalse)) return false;
  bool numeric = std::string_view("+-.0123456789").contains(text[0]);
  if (!numeric) return text;
  std::string digits(text);
  std::erase(digits, '_');
  if (auto value = resolve_integer(digits)) return *value;
  if (auto value = resolve_float(digits)) return *value;
  return text;
}

}  // namespace json
