// Turning the newest state back into an older one, from the events since. Pure.
#pragma once

#include <vector>

#include "storage/store.h"

namespace storage {

// `newest` is the state of the keys [start, end); `later` are all events after the wanted
// revision, oldest first. Returns the records as they were, in key order.
std::vector<Record> rewind(std::vector<Record> newest, const std::vector<PastEvent>& later,
                           const std::string& start, const std::string& end);

// Cuts `records` (from options.start on) to options.limit.
RangeResult page_of(std::vector<Record> records, const RangeOptions& options, Revision revision);

Error compacted(Revision wanted, Revision oldest);

}  // namespace storage
