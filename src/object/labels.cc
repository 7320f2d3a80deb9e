#include "object/labels.h"

#include <algorithm>

namespace object {

std::optional<std::string_view> LabelsView::find(std::string_view key) const {
  auto it = std::ranges::lower_bound(entries_, key, {},
                                     [this](const Entry& entry) { return entry.key.in(text_); });
  if (it == entries_.end() || it->key.in(text_) != key) return {};
  return it->value.in(text_);
}

Labels LabelsView::copy() const {
  Labels labels;
  labels.reserve(size());
  for (const auto& [key, value] : *this) labels.emplace_back(key, value);
  return labels;
}

bool operator==(const LabelsView& a, const Labels& b) {
  return std::ranges::equal(a, b, [](const LabelsView::Label& one, const auto& other) {
    return one.first == other.first && one.second == other.second;
  });
}

std::optional<std::string_view> find_label(const Labels& labels, std::string_view key) {
  auto it = std::ranges::lower_bound(
      labels, key, {}, [](const auto& entry) -> std::string_view { return entry.first; });
  if (it == labels.end() || it->first != key) return {};
  return it->second;
}

}  // namespace object
