// One status from the statuses that several SyncTargets reported for the same object. Pure,
// thread-safe. Source: reference tmc.md 3.12, 9.2.
#pragma once

#include <vector>

#include "json/value.h"

namespace placement {

// The status to show at `object` for what its targets reported, in the order of their keys; null if
// nothing was. Replica counts are summed, observedGeneration is the smallest, conditions are the
// best of each type, addresses are the union; other kinds show the first status.
json::Value summarize_status(const json::Value& object, const std::vector<json::Value>& statuses);

}  // namespace placement
