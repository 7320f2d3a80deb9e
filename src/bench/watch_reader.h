// Reads what one watcher is told, with the help of what others on its thread were told before it.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/scanner.h"

namespace bench {

// The last lines that watchers were told, and what they say. A server tells all of them the same
// bytes; to compare these is several times cheaper than to read them again, and not less strict.
// One thread.
class KnownLines {
 public:
  struct Line {
    std::string text;  // with its newline
    ScannedItem item;
  };
  // What a watcher was told as its line `number`, counted from 0; null if that is not known, or no
  // longer.
  const std::shared_ptr<const Line>& find(std::size_t number) const;
  void add(std::size_t number, std::string_view text, const ScannedItem& item);

 private:
  static constexpr std::size_t kMost = 1024;
  struct Place {
    std::size_t end = 0;  // the line's number and one more; 0: nothing yet
    std::shared_ptr<const Line> line;
  };
  std::vector<Place> places_ = std::vector<Place>(kMost);
};

// The events of one watch, which may be cut anywhere. One thread, that of its lines.
class WatchReader {
 public:
  // `on_event` is called at the end of each event; it may keep nothing of its argument.
  WatchReader(KnownLines& known, std::function<void(const ScannedItem&)> on_event);
  WatchReader(const WatchReader&) = delete;
  WatchReader& operator=(const WatchReader&) = delete;

  void feed(std::string_view bytes);

 private:
  std::size_t feed_line(std::string_view bytes);
  std::size_t compare(std::string_view bytes);

  KnownLines& known_;
  std::function<void(const ScannedItem&)> on_event_;
  Scanner scanner_;
  ScannedItem last_;
  std::shared_ptr<const KnownLines::Line> begun_;  // the line that came in part, as far as it came
  std::size_t equal_ = 0;                          // bytes of it
  std::size_t lines_ = 0;                          // that have ended
  bool at_start_ = true;                           // of a line, and in no event
};

}  // namespace bench
