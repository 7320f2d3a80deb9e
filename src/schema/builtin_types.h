// From the field tables of apis/types to OpenAPI schemas. Internal to schema/.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "json/value.h"
#include "schema/builtin.h"

namespace schema {

// The types that one file of kinds sees, with that file's own rules ("Type.field: options").
class TypeTable {
 public:
  TypeTable(std::string file, const json::Value& rules);

  // The schema of a top-level kind: its fields, with apiVersion, kind and metadata in front.
  json::Value schema_of(const std::string& type) const;
  // An object of the type as Go writes one with nothing in it: {"spec":{"selector":null}}.
  json::Value empty_object(const std::string& type) const;
  // The schema of a type that is part of kinds.
  json::Value part_schema(const std::string& type) const;

 private:
  json::Value object_schema(const std::string& type, std::vector<std::string>& inside) const;
  void add_fields(const std::string& type, json::Value& schema,
                  std::vector<std::string>& inside) const;
  json::Value type_schema(const std::string& text, std::vector<std::string>& inside) const;

  std::string file_;
  const json::Value rules_;
};

}  // namespace schema
