// Resource quantities: "<sign><digits>[.<digits>]<suffix>", the suffix binary (Ki..Ei), decimal
// (n u m "" k M G T P E) or an exponent (e3, E-2).
#include <fmt/format.h>

#include <array>
#include <charconv>

#include "base/strings.h"
#include "object/names.h"

namespace object {
namespace {

constexpr __int128 kMax = static_cast<__int128>(INT64_MAX) * 1'000'000'000;

struct Suffix {
  std::string_view text;
  int base;      // 2 or 10
  int exponent;  // of that base
};

constexpr std::array<Suffix, 16> kSuffixes{{
    {"n", 10, -9},
    {"u", 10, -6},
    {"m", 10, -3},
    {"", 10, 0},
    {"k", 10, 3},
    {"M", 10, 6},
    {"G", 10, 9},
    {"T", 10, 12},
    {"P", 10, 15},
    {"E", 10, 18},
    {"Ki", 2, 10},
    {"Mi", 2, 20},
    {"Gi", 2, 30},
    {"Ti", 2, 40},
    {"Pi", 2, 50},
    {"Ei", 2, 60},
}};

std::optional<Suffix> parse_suffix(std::string_view text) {
  for (const Suffix& suffix : kSuffixes) {
    if (suffix.text == text) return suffix;
  }
  if (text.size() < 2 || (text[0] != 'e' && text[0] != 'E')) return {};
  text.remove_prefix(1);
  if (text[0] == '+') text.remove_prefix(1);
  auto exponent = parse_i64(text);
  if (!exponent || *exponent < -18 || *exponent > 18) return {};
  return Suffix{"e", 10, static_cast<int>(*exponent)};
}

// value * 10^exponent, rounded up away from zero when digits are lost, capped at the largest.
__int128 scale(__int128 value, int exponent) {
  for (; exponent > 0 && value <= kMax; --exponent) value *= 10;
  for (; exponent < 0; ++exponent) value = (value + 9) / 10;
  return value > kMax ? kMax : value;
}

// The largest suffix of the input's family that leaves a whole number.
std::string canonical(__int128 nanos, const Suffix& suffix) {
  bool negative = nanos < 0;
  unsigned __int128 size = static_cast<unsigned __int128>(negative ? -nanos : nanos);
  std::string sign = negative ? "-" : "";
  if (size == 0) return "0";
  constexpr unsigned __int128 kOne = 1'000'000'000;
  auto text = [&](unsigned __int128 number, std::string_view unit) {
    return fmt::format("{}{}{}", sign, static_cast<std::uint64_t>(number), unit);
  };
  if (suffix.base == 2 && size % kOne == 0 && size / kOne >= 1024) {
    constexpr std::array<std::string_view, 7> kUnits{"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
    unsigned __int128 number = size / kOne;
    std::size_t unit = 0;
    for (; number % 1024 == 0 && unit + 1 < kUnits.size(); ++unit) number /= 1024;
    return text(number, kUnits[unit]);
  }
  constexpr std::array<std::string_view, 10> kUnits{"n", "u", "m", "",  "k",
                                                    "M", "G", "T", "P", "E"};
  std::size_t unit = 0;
  for (; size % 1000 == 0 && unit + 1 < kUnits.size(); ++unit) size /= 1000;
  if (suffix.text == "e" && unit != 3) {
    return text(size, fmt::format("e{}", (static_cast<int>(unit) - 3) * 3));
  }
  return text(size, kUnits[unit]);
}

}  // namespace

Result<Quantity> parse_quantity(std::string_view text) {
  auto bad = [] {
    return std::unexpected(
        Error::bad_request("quantities must match the regular expression "
                           "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"));
  };
  if (text.size() > 64) return bad();
  std::string_view rest = text;
  bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);

  __int128 value = 0;
  int exponent = 9;  // value counts units of 10^(exponent - 9)
  bool point = false, digits = false, full = false;
  std::size_t at = 0;
  for (; at < rest.size(); ++at) {
    char c = rest[at];
    if (c == '.' && !point) {
      point = true;
    } else if (c >= '0' && c <= '9') {
      digits = true;
      full = full || value > kMax;
      if (!full) value = value * 10 + (c - '0');
      if (point && !full) --exponent;
      if (!point && full) ++exponent;
    } else {
      break;
    }
  }
  auto suffix = parse_suffix(rest.substr(at));
  if (!digits || !suffix) return bad();
  if (suffix->base == 10) {
    value = scale(value, exponent + suffix->exponent);
  } else {
    for (int i = 0; i < suffix->exponent && value <= kMax; ++i) value *= 2;
    value = scale(value, exponent);
  }
  Quantity quantity;
  quantity.nanos = negative ? -value : value;
  quantity.text = canonical(quantity.nanos, *suffix);
  return quantity;
}

}  // namespace object
