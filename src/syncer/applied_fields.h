// Bringing a live object to a wanted one, like an apply, for servers whatever they support: which
// fields were applied is remembered as their shape, not their values, so that a field that was
// given up can be removed and fields of others are left alone. Pure, thread-safe.
#pragma once

#include "json/value.h"

namespace syncer {

// The fields of `value`: objects and lists are kept, everything else is 0.
json::Value shape_of(const json::Value& value);

// The JSON merge patch after which `live` contains `wanted`, and nothing any more of what is in the
// shape `applied` only; an empty object if that is so already. Lists are replaced as a whole, but
// only if what is wanted is not in them: elements and members that others added may stay.
json::Value patch_to(const json::Value& live, const json::Value& wanted,
                     const json::Value& applied);

}  // namespace syncer
