// Finds the values in an object's text that are so large that it may be worth keeping them once for
// all objects that have them. Pure.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "object/header.h"

namespace cache {

struct LargeValue {
  object::Piece place;    // in the text
  std::size_t inner = 0;  // so many of those that follow lie within it
};

// In the order in which they begin: large members of the object (spec, data), in front of the large
// members of these (spec.versions, a file of a ConfigMap); and large annotations. All lie behind
// header.metadata_offset. None if the text is malformed.
std::vector<LargeValue> large_values(std::string_view json, const object::Header& header);

}  // namespace cache
