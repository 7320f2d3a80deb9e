#include "bench/watch_reader.h"

#include <utility>

namespace bench {

const KnownLines::Line* KnownLines::find(std::size_t number) const {
  const Place& place = places_[number % kMost];
  return place.end == number + 1 ? &place.line : nullptr;
}

void KnownLines::add(std::size_t number, std::string_view text, const ScannedItem& item) {
  Place& place = places_[number % kMost];
  place.end = number + 1;
  place.line.text = text;
  place.line.item = item;
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
    const KnownLines::Line* known = at_start_ ? known_.find(lines_) : nullptr;
    if (known && bytes.starts_with(known->text)) {
      ++lines_;
      bytes.remove_prefix(known->text.size());
      on_event_(known->item);
    } else {
      bytes.remove_prefix(feed_line(bytes));
    }
  }
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
