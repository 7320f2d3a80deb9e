#include "cache/label_summary.h"

#include <algorithm>

namespace cache {
namespace {

std::uint64_t hash_of(std::string_view key) { return std::hash<std::string_view>()(key); }

std::uint64_t hash_of(std::string_view key, std::string_view value) {
  return hash_of(key) * 0x9e3779b97f4a7c15u ^ hash_of(value);
}

}  // namespace

void LabelSummary::add(const object::LabelsView& labels) {
  if (labels.empty()) return;
  if (!bits_) bits_ = std::make_unique<std::bitset<kBits>>();
  auto set = [this](std::uint64_t hash) {
    bits_->set(hash % kBits);
    bits_->set((hash >> 32) % kBits);
  };
  for (const auto& [key, value] : labels) {
    set(hash_of(key));
    set(hash_of(key, value));
  }
}

bool LabelSummary::may_hold(std::uint64_t hash) const {
  return bits_ && bits_->test(hash % kBits) && bits_->test((hash >> 32) % kBits);
}

LabelQuery::LabelQuery(const object::LabelSelector& selector) {
  using Operator = object::LabelSelector::Operator;
  for (const auto& requirement : selector.requirements()) {
    if (requirement.op == Operator::NotIn || requirement.op == Operator::DoesNotExist) continue;
    std::vector<std::uint64_t> hashes;
    if (requirement.op == Operator::In) {
      for (const std::string& value : requirement.values) {
        hashes.push_back(hash_of(requirement.key, value));
      }
    } else {
      hashes.push_back(hash_of(requirement.key));
    }
    all_.push_back(std::move(hashes));
  }
}

bool LabelQuery::may_match(const LabelSummary& summary) const {
  return std::ranges::all_of(all_, [&](const auto& hashes) {
    return std::ranges::any_of(hashes, [&](std::uint64_t hash) { return summary.may_hold(hash); });
  });
}

}  // namespace cache
