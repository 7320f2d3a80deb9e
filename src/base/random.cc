#include "base/random.h"

#include <sys/random.h>

#include <array>
#include <cstring>
#include <string_view>

#include "base/check.h"

std::string random_bytes(std::size_t count) {
  std::string out(count, '\0');
  for (std::size_t have = 0; have < count;) {
    ssize_t got = ::getrandom(out.data() + have, count - have, 0);
    CHECK(got > 0);
    have += static_cast<std::size_t>(got);
  }
  return out;
}

namespace {

// Random bytes that are no secrets, taken from the system many at a time.
std::array<unsigned char, 16> next_random_block() {
  constexpr std::size_t kBlocks = 64;
  using Block = std::array<unsigned char, 16>;
  thread_local std::array<Block, kBlocks> blocks;
  thread_local std::size_t left = 0;
  if (left == 0) {
    std::string fresh = random_bytes(sizeof blocks);
    std::memcpy(blocks.data(), fresh.data(), sizeof blocks);
    left = kBlocks;
  }
  return blocks[--left];
}

}  // namespace

std::string random_uuid() {
  constexpr std::string_view kHex = "0123456789abcdef";
  auto raw = next_random_block();
  raw[6] = static_cast<unsigned char>((raw[6] & 0x0f) | 0x40);
  raw[8] = static_cast<unsigned char>((raw[8] & 0x3f) | 0x80);
  std::string text(36, '-');
  std::size_t at = 0;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) ++at;
    text[at++] = kHex[raw[i] >> 4];
    text[at++] = kHex[raw[i] & 15];
  }
  return text;
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
