// Latencies of any number of operations in constant memory: log-linear buckets, 128 to an octave,
// so that a percentile is exact to within 1 %. One thread writes; merge() adds what another
// collected.
#pragma once

#include <cstdint>
#include <vector>

namespace bench {

class Histogram {
 public:
  void record(std::int64_t nanoseconds);  // negative counts as 0
  void merge(const Histogram& other);

  std::uint64_t count() const { return count_; }
  std::int64_t max() const { return max_; }
  // The smallest recorded value (its bucket's upper edge) that `percent` of all do not exceed; 0 if
  // nothing was recorded. 0 < percent <= 100.
  std::int64_t percentile(double percent) const;

 private:
  std::vector<std::uint64_t> buckets_;  // as long as the largest value asks for
  std::uint64_t count_ = 0;
  std::int64_t max_ = 0;
};

}  // namespace bench
