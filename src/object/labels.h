// Labels of an object: as owned pairs, or as a view into the text that they were read from.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace object {

using Labels = std::vector<std::pair<std::string, std::string>>;  // sorted by key

// A piece of a text: where it begins and how long it is, in bytes.
struct Piece {
  std::uint32_t at = 0;
  std::uint32_t size = 0;
  std::string_view in(const char* text) const { return {text + at, size}; }
};

// Labels that lie in a text of somebody else, who must outlive the view. Sorted by key.
class LabelsView {
 public:
  struct Entry {
    Piece key, value;
  };
  using Label = std::pair<std::string_view, std::string_view>;

  LabelsView() = default;
  LabelsView(const char* text, std::span<const Entry> entries) : text_(text), entries_(entries) {}

  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }
  Label operator[](std::size_t i) const {
    return {entries_[i].key.in(text_), entries_[i].value.in(text_)};
  }
  std::optional<std::string_view> find(std::string_view key) const;
  Labels copy() const;
  friend bool operator==(const LabelsView& a, const Labels& b);

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Label;
    using difference_type = std::ptrdiff_t;
    using pointer = const Label*;
    using reference = Label;

    Iterator() = default;
    Iterator(const LabelsView* view, std::size_t at) : view_(view), at_(at) {}
    Label operator*() const { return (*view_)[at_]; }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++at_;
      return before;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.at_ == b.at_; }

   private:
    const LabelsView* view_ = nullptr;
    std::size_t at_ = 0;
  };
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, entries_.size()}; }

 private:
  const char* text_ = nullptr;
  std::span<const Entry> entries_;
};

// The value of a label in owned labels.
std::optional<std::string_view> find_label(const Labels& labels, std::string_view key);

}  // namespace object
