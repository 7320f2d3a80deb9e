// A definition (CustomResourceDefinition or APIResourceSchema) as it is stored, taken apart without
// making a tree of its schemas: they are nine tenths of it, and nobody needs them until an object
// of the kind is written. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace registry {

// Where a version's schema is.
enum class SchemaPlace {
  OpenApiV3,  // spec.versions[].schema.openAPIV3Schema, as in a CustomResourceDefinition
  Bare,       // spec.versions[].schema, as in an APIResourceSchema
};

struct DefinitionText {
  std::string spec;                       // with the number of its schema in place of each schema
  std::string_view status;                // "" if there is none
  std::vector<std::string_view> schemas;  // slices of the text
};

// Nothing if `json` is not an object with a spec, or is broken.
std::optional<DefinitionText> split_definition(std::string_view json, SchemaPlace place);

}  // namespace registry
