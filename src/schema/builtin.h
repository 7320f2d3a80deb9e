// The built-in kinds, read from the YAML files of apis/ that are embedded in the program. The
// format is described in apis/README.md. Loaded once, on first use; thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "json/value.h"
#include "schema/schema.h"

namespace schema {

struct BuiltinColumn {
  std::string name, type;
  std::string source;  // a JSONPath, or "@name" for a cell that the server computes
  bool wide = false;   // shown with -o wide only
};

struct BuiltinKind {
  std::string group, version, kind, plural, singular;
  std::vector<std::string> short_names, categories, verbs, selectable_fields;
  std::vector<std::string> sets;  // "workspace", "cluster", "export": where it is served
  bool namespaced = false;
  bool has_status = false;
  bool has_scale = false;
  bool virtual_only = false;  // nothing is stored: reviews
  std::vector<BuiltinColumn> columns;
  SchemaPtr schema;
  json::Value empty;  // an object with nothing in it, as Go writes it, without metadata
};

const std::vector<BuiltinKind>& builtin_kinds();
const BuiltinKind* find_builtin(std::string_view group, std::string_view plural);

// The metadata of every object, which stands in no kind's schema.
const SchemaPtr& object_meta();

// A file of apis/ as it was when the program was built; "" if there is none. For bootstrap objects.
std::string_view embedded_file(std::string_view name);

// One field of a built-in type, for transcoding: "list:Container 2 patch=merge key=name".
struct FieldFact {
  std::string name;  // "<Name>" for a struct that JSON inlines and protobuf nests
  std::string type;  // "string", "int32", "list:Container", "map:string", "time", ...
  int number = 0;    // in protobuf; 0: not in protobuf
};
// The fields of a type as seen from `file` ("apps_v1"): its own types, then core_v1's, then
// meta_v1's.
const std::vector<FieldFact>* find_type(std::string_view file, std::string_view type);

}  // namespace schema
