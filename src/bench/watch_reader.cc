#include "bench/watch_reader.h"

#include <algorithm>
#include <utility>

namespace bench {

const std::shared_ptr<const KnownLines::Line>& KnownLines::find(std::size_t number) const {
  static const std::shared_ptr<const Line> kNone;
  const Place& place = places_[number % kMost];
  return place.end == number + 1 ? place.line : kNone;
}

void KnownLines::add(std::size_t number, std::string_view text, const ScannedItem& item) {
  Place& place = places_[number % kMost];
  place.end = number + 1;
  place.line = std::make_shared<const Line>(std::string(text), item);
}

WatchReader::WatchReader(KnownLines& known, std::function<void(const ScannedItem&)> on_event)
    : known_(known),
      on_event_(std::move(on_event)),
      scanner_(Scanner::Shape::Watch, [this](const ScannedItem& item) {
        last_ = item;
        on_event_(item);
      }) {}

void WatchReader::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    if (at_start_ && !begun_) {
      begun_ = known_.find(lines_);
      equal_ = 0;
    }
    bytes.remove_prefix(begun_ ? compare(bytes) : feed_line(bytes));
  }
}

// Compares with the line that began, as far as both go; returns how much was equal. What was equal
// of a line that is another one after all is read like the rest of it.
std::size_t WatchReader::compare(std::string_view bytes) {
  std::string_view rest = std::string_view(begun_->text).substr(equal_);
  std::size_t count = std::min(rest.size(), bytes.size());
  if (bytes.substr(0, count) != rest.substr(0, count)) {
    auto line = std::exchange(begun_, nullptr);
    if (equal_ > 0) feed_line(std::string_view(line->text).substr(0, equal_));
    return equal_ > 0 ? 0 : feed_line(bytes);
  }
  equal_ += count;
  if (count == rest.size()) {
    ++lines_;
    on_event_(std::exchange(begun_, nullptr)->item);
  }
  return count;
}

// Takes the rest of a line, or all that is there of it; returns how much that was.
std::size_t WatchReader::feed_line(std::string_view bytes) {
  std::size_t newline = bytes.find('\n');
  bool ends = newline != std::string_view::npos;
  std::string_view line = bytes.substr(0, ends ? newline + 1 : bytes.size());
  bool is_whole = at_start_ && ends;
  std::size_t before = scanner_.items();
  scanner_.feed(line);
  at_start_ = ends && scanner_.complete();
  if (is_whole && at_start_ && scanner_.items() == before + 1) known_.add(lines_, line, last_);
  if (ends) ++lines_;
  return line.size();
}

}  // namespace bench
