// Answers that are read as they come: lists of any size, and watches with what is needed to prove
// that they told everything once and in order.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bench/fleet.h"
#include "bench/histogram.h"
#include "bench/scanner.h"

namespace bench {

// What was read of one list.
struct ListRead {
  std::size_t items = 0;
  std::uint64_t bytes = 0;
  std::string revision, continue_token;
  Histogram latency;  // of the pages, each to its last byte
};

struct ListQuestion {
  std::string path;  // with query
  Scanner::Shape shape = Scanner::Shape::List;
  std::string accept = "application/json";
  std::function<void(const ScannedItem&)> on_item = {};
};
// On the squad's loop. Throws Error if the answer is not 200, or not whole.
Task<ListRead> read_list(Squad* squad, ListQuestion question);

// Reads the config maps below `path` and throws Error unless they are exactly `prefix`0 ..
// `prefix`<count - 1>, each once, at `version` and with a payload of `payload` bytes.
Task<> verify_maps(Squad* squad, std::string path, std::string prefix, std::size_t count,
                   std::string version, std::size_t payload);

// A watcher's books: of objects called <prefix><number>.
class EventBook {
 public:
  EventBook(std::string prefix, std::size_t expected)
      : prefix_(std::move(prefix)), seen_(expected, false) {}

  // Enters an event; returns the object's number. Throws Error if it was entered before, belongs to
  // no expected object, or its revision is not above the last one's.
  std::size_t enter(const ScannedItem& event);
  std::size_t count() const { return count_; }
  bool is_full() const { return count_ == seen_.size(); }
  std::uint64_t last_revision() const { return last_revision_; }
  void begin_at(std::uint64_t revision) { last_revision_ = revision; }

 private:
  std::string prefix_;
  std::vector<bool> seen_;
  std::size_t count_ = 0;
  std::uint64_t last_revision_ = 0;
};

}  // namespace bench
