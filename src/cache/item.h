// Making items and events from what the store delivers.
#pragma once

#include "cache/cache.h"

namespace cache {

// The item for a stored record; null (and a log line) if the record is not an object.
ItemPtr make_item(Key key, const storage::Record& record);

// `item` as if written at `revision`: for deletions and for objects that leave a filter.
ItemPtr at_revision(const Item& item, std::uint64_t revision);

// The event by which a listener learns of an object that is there already.
EventPtr added(const ItemPtr& item);

// What `filter` sees of `event`; null if nothing.
EventPtr seen_through(const EventPtr& event, const Filter& filter);

}  // namespace cache
