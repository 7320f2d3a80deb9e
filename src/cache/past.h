// Events that a ring holds no more, from the store's history: for watches that resume. Rings may
// then be small, and what was removed gives its memory back long before history ends.
#pragma once

#include <vector>

#include "cache/cache.h"
#include "storage/store.h"

namespace cache {

struct Past {
  std::vector<EventPtr> events;  // as the filter sees them, oldest first
  std::uint64_t revision = 0;    // everything up to here has been seen
};

// A table's events after `since`, on the calling loop. Throws Error(Expired) if history does not
// reach back that far, if too much has happened since, or if too many ask at once.
Task<Past> read_past(storage::Store& store, TableId table, Filter filter, std::uint64_t since);

}  // namespace cache
