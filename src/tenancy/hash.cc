#include "tenancy/hash.h"

#include <algorithm>
#include <vector>

#include "pki/digest.h"

namespace tenancy {
namespace {

constexpr std::string_view kDigits =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

std::string in_base(std::string_view bytes, unsigned base) {
  std::vector<unsigned char> number(bytes.begin(), bytes.end());
  std::string digits;
  while (std::ranges::any_of(number, [](unsigned char c) { return c != 0; })) {
    unsigned rest = 0;
    for (unsigned char& byte : number) {
      unsigned value = rest * 256 + byte;
      byte = static_cast<unsigned char>(value / base);
      rest = value % base;
    }
    digits += kDigits[rest];
  }
  std::ranges::reverse(digits);
  return digits.empty() ? "0" : digits;
}

}  // namespace

std::string base36(std::string_view big_endian) { return in_base(big_endian, 36); }
std::string base62(std::string_view big_endian) { return in_base(big_endian, 62); }
std::string base36_sha224(std::string_view text) { return base36(pki::sha224(text)); }
std::string base62_sha224(std::string_view text) { return base62(pki::sha224(text)); }

}  // namespace tenancy
