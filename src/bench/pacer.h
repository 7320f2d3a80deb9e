// The schedule of an open loop: operation n is due at n / rate after the start, whatever became of
// those before it. Latency is counted from there, so a server that stalls is charged for everything
// that had to wait meanwhile (no coordinated omission).
#pragma once

#include <cstdint>
#include <functional>

#include "base/task.h"

namespace bench {

class Pacer {
 public:
  // Requires: rate > 0. `start` in nanoseconds of any clock.
  Pacer(double rate, std::size_t operations, std::int64_t start)
      : interval_(1e9 / rate), operations_(operations), start_(start) {}

  std::int64_t due(std::size_t operation) const {
    return start_ + static_cast<std::int64_t>(interval_ * static_cast<double>(operation));
  }
  // How many operations are due by `now`.
  std::size_t due_by(std::int64_t now) const;
  std::size_t operations() const { return operations_; }

 private:
  double interval_;
  std::size_t operations_;
  std::int64_t start_;
};

// Calls `send(operation, due)` for each operation when it is due, in order; late ones at once, one
// after another. `now` is the clock that the pacer's times are of.
Task<> pace(Pacer pacer, std::function<std::int64_t()> now,
            std::function<void(std::size_t operation, std::int64_t due)> send);

}  // namespace bench
