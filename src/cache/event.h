// What listeners and watchers see of a change.
#pragma once

#include "cache/cache.h"

namespace cache {

// What `filter` sees of `event`; null if nothing.
EventPtr seen_through(const EventPtr& event, const Filter& filter);

}  // namespace cache
