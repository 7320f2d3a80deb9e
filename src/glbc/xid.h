// Identifiers for managed hosts: 12 bytes as 20 characters of base32hex, unique over machines,
// processes and time, sortable by the second of their making; not secret. Thread-safe. Source:
// reference glbc.md 1.8 (rs/xid).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

#include "base/clock.h"

namespace glbc {

using XidBytes = std::array<std::uint8_t, 12>;
std::string encode_xid(const XidBytes& bytes);  // "9m4e2mr0ui3e8a215n4g"

class XidSource {
 public:
  // Who makes them, and where the counter begins.
  struct Origin {
    std::array<std::uint8_t, 3> machine{};
    std::uint16_t process = 0;
    std::uint32_t counter = 0;  // 24 bits
  };
  explicit XidSource(Origin origin) : origin_(origin), counter_(origin.counter) {}
  static Origin this_process();

  std::string make(TimePoint now);

 private:
  Origin origin_;
  std::atomic<std::uint32_t> counter_;
};

}  // namespace glbc
