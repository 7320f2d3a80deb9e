// What listeners and watchers see of a change.
#pragma once

#include "cache/cache.h"

namespace cache {

// What became of an object at `revision`: a deletion if `current` is null. Null if there was none.
std::shared_ptr<Event> make_event(ItemPtr previous, ItemPtr current, std::uint64_t revision);

// What `filter` sees of `event`: as what, nothing if it does not see it, ...
std::optional<Event::Type> type_through(const Event& event, const Filter& filter);
// ... and that; null if nothing.
EventPtr seen_through(const EventPtr& event, const Filter& filter);

}  // namespace cache
