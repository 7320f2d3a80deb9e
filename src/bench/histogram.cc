#include "bench/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace bench {
namespace {

constexpr int kBits = 7;
constexpr std::uint64_t kPerOctave = 1U << kBits;

std::size_t bucket_of(std::uint64_t value) {
  if (value < kPerOctave) return value;
  int shift = std::bit_width(value) - 1 - kBits;
  return static_cast<std::size_t>(shift + 1) * kPerOctave + ((value >> shift) - kPerOctave);
}

std::uint64_t upper_edge(std::size_t bucket) {
  if (bucket < kPerOctave) return bucket;
  std::size_t shift = bucket / kPerOctave - 1;
  return ((bucket % kPerOctave + kPerOctave + 1) << shift) - 1;
}

}  // namespace

void Histogram::record(std::int64_t nanoseconds) {
  std::int64_t value = std::max<std::int64_t>(nanoseconds, 0);
  std::size_t bucket = bucket_of(static_cast<std::uint64_t>(value));
  if (bucket >= buckets_.size()) buckets_.resize(bucket + 1);
  ++buckets_[bucket];
  ++count_;
  max_ = std::max(max_, value);
}

void Histogram::merge(const Histogram& other) {
  if (other.buckets_.size() > buckets_.size()) buckets_.resize(other.buckets_.size());
  for (std::size_t i = 0; i < other.buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

std::int64_t Histogram::percentile(double percent) const {
  auto wanted = static_cast<std::uint64_t>(std::ceil(static_cast<double>(count_) * percent / 100));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen >= wanted && seen > 0) {
      return std::min(static_cast<std::int64_t>(upper_edge(i)), max_);
    }
  }
  return 0;
}

}  // namespace bench
