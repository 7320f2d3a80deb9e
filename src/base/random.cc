#include "base/random.h"

#include <sys/random.h>

#include <string_view>

#include "base/check.h"
#include "base/strings.h"

std::string random_bytes(std::size_t count) {
  std::string out(count, '\0');
  for (std::size_t have = 0; have < count;) {
    ssize_t got = ::getrandom(out.data() + have, count - have, 0);
    CHECK(got > 0);
    have += static_cast<std::size_t>(got);
  }
  return out;
}

std::string random_uuid() {
  std::string raw = random_bytes(16);
  raw[6] = static_cast<char>((raw[6] & 0x0f) | 0x40);
  raw[8] = static_cast<char>((raw[8] & 0x3f) | 0x80);
  std::string hex = hex_encode(raw);
  return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" +
         hex.substr(16, 4) + "-" + hex.substr(20);
}

std::string random_name_suffix(std::size_t count) {
  constexpr std::string_view kAlphabet = "bcdfghjklmnpqrstvwxz2456789";
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += kAlphabet[random_below(kAlphabet.size())];
  return out;
}

std::uint64_t random_below(std::uint64_t bound) {
  CHECK(bound > 0);
  const std::uint64_t limit = UINT64_MAX - UINT64_MAX % bound;  // rejects the uneven rest
  while (true) {
    std::uint64_t value = 0;
    CHECK(::getrandom(&value, sizeof value, 0) == sizeof value);
    if (value < limit) return value % bound;
  }
}
