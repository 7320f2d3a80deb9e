// How many versions a definition of a kind may have, and how much of it is looked at whenever an
// object is shown or the API is described. Pure.
#pragma once

#include <vector>

#include "base/error.h"
#include "json/value.h"

namespace registry {

// What is too many in spec.versions of a CustomResourceDefinition or an APIResourceSchema: more
// than 100 versions, or in one of them more than 100 columns or 8 selectable fields.
std::vector<Cause> check_version_counts(const json::Value& versions);

}  // namespace registry
