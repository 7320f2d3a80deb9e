// Which labels a chunk of objects may have, so that a selector which few objects match passes over
// whole chunks: a Bloom filter over keys and over key-value pairs.
#pragma once

#include <bitset>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "object/labels.h"
#include "object/selector.h"

namespace cache {

// Grows only; 512 bytes once there is a label.
class LabelSummary {
 public:
  void add(const object::LabelsView& labels);
  bool may_hold(std::uint64_t hash) const;

 private:
  static constexpr std::size_t kBits = 4096;  // for some hundred labels
  std::unique_ptr<std::bitset<kBits>> bits_;
};

// What a selector asks of labels that must be there.
class LabelQuery {
 public:
  explicit LabelQuery(const object::LabelSelector& selector);
  // False only if no object with labels of the summary can match.
  bool may_match(const LabelSummary& summary) const;

 private:
  std::vector<std::vector<std::uint64_t>> all_;  // one hash of each must be there
};

}  // namespace cache
