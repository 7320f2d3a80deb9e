// How large a value is without printing it: values share their parts, so a small one in memory may
// be endless in print. Pure.
#pragma once

#include <cstddef>

#include "json/value.h"

namespace json {

// Whether the value takes at most about `limit` bytes in print (escapes are not counted). Costs no
// more than `limit` steps.
bool is_within(const Value& value, std::size_t limit);

// Whether there are at most `limit` values in it, itself among them. Costs no more steps than that.
bool has_at_most(const Value& value, std::size_t limit);

}  // namespace json
