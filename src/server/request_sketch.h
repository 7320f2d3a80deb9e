// Which logical clusters are asked most: the space-saving sketch of Metwally, Agrawal and El Abbadi
// ("Efficient computation of frequent and top-k elements in data streams", 2005), with counts that
// decay. Its size is constant: a cluster that is new takes the place of the one that is asked
// least, and any that makes more than 1/entries of the recent requests is there. Not thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"

namespace server {

class RequestSketch {
 public:
  static constexpr Duration kMemory = 60s;  // what is older counts for less than 1/e

  explicit RequestSketch(std::size_t entries) : entries_(entries) {}

  void note(std::string_view cluster, TimePoint now);

  // What is known of one cluster's own requests; never anything of those whose place it took.
  struct Figure {
    std::string cluster;
    std::uint64_t count = 0;  // since `since`
    TimePoint since;
    double per_second = 0;  // over about the last minute
  };
  std::optional<Figure> find(std::string_view cluster, TimePoint now) const;
  // The busiest first.
  std::vector<Figure> top(std::size_t count, TimePoint now) const;

 private:
  // Weights grow with time instead of shrinking, so that those at rest need no upkeep; all are
  // scaled down together now and then.
  struct Entry {
    std::string cluster;
    double weight = 0;
    double inherited = 0;  // of the weight, from whose place this took
    std::uint64_t count = 0;
    TimePoint since;
    std::size_t at = 0;  // in heap_
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };

  double grown(TimePoint now) const;  // the weight of a request
  void rescale(TimePoint now);
  Figure figure_of(const Entry& entry, double unit) const;
  bool is_lighter(std::size_t a, std::size_t b) const;  // places in the heap
  void sink(std::size_t at);
  void rise(std::size_t at);
  void swap(std::size_t a, std::size_t b);

  const std::size_t entries_;
  std::vector<Entry> all_;
  std::vector<std::size_t> heap_;  // of all_, the lightest first
  std::unordered_map<std::string, std::size_t, Hash, std::equal_to<>> index_;
  TimePoint origin_;  // when a request weighed 1
};

}  // namespace server
