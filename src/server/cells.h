// Table cells that a JSONPath cannot say: "@name" in a column's source. Pure. Source: reference
// kube-apiserver.md 7.3.
#pragma once

#include <string_view>

#include "base/clock.h"
#include "json/value.h"

namespace server {

// The cell called `name` (without '@') of `object`; null if there is no such cell.
json::Value computed_cell(std::string_view name, const json::Value& object, TimePoint now);

}  // namespace server
