// What a plain YAML scalar means, by the rules of the YAML library that Kubernetes uses (YAML 1.1
// booleans, octal and binary integers). Pure.
#pragma once

#include <string_view>

#include "json/value.h"

namespace json {

// The value of an unquoted scalar. Infinities and NaN, which JSON lacks, come back as their text.
Value resolve_yaml_scalar(std::string_view text);

}  // namespace json
