// What a list selects, to be read once, one object after another: holds the table's chunks and lets
// go of each when it has passed, so that a list costs nothing for each object and begins at once,
// however long it is.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "cache/cache.h"
#include "cache/label_summary.h"
#include "cache/objects.h"

namespace cache {

// Independent of what is written later. Use on one thread at a time.
class Sequence {
 public:
  // Objects that are there already, as they were at `revision`.
  Sequence(std::vector<ItemPtr> items, std::uint64_t revision);
  // Those in `range` that `filter` accepts.
  Sequence(Range range, const Filter& filter, std::uint64_t revision);

  // The next object, null behind the last. It stays until next() is called again. What comes
  // soon is fetched into the processor's caches.
  const ItemPtr* next();
  std::uint64_t revision() const { return revision_; }

 private:
  struct Choice {  // of what is in the range
    Filter filter;
    LabelQuery query;
  };

  bool open_chunk();
  const ItemPtr* ahead(std::size_t count) const;
  void fetch() const;

  Range range_;
  std::vector<ItemPtr> own_;        // instead of a range
  std::unique_ptr<Choice> choice_;  // null: all
  std::span<const ItemPtr> items_;  // of the present chunk, or own_
  std::size_t at_ = 0;              // in items_
  std::size_t chunk_ = 0;           // the next one
  std::uint64_t revision_ = 0;
};

}  // namespace cache
