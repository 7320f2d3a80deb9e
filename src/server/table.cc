#include "server/table.h"

#include "json/patch.h"
#include "json/text.h"
#include "server/age.h"
#include "server/cells.h"

namespace server {
namespace {

using json::Value;

Value definition(std::string_view name, std::string_view type, std::string_view format,
                 std::string_view description, int priority) {
  return Value::object({{"name", name},
                        {"type", type},
                        {"format", format},
                        {"description", description},
                        {"priority", priority}});
}

// A JSONPath's match in the form that the column's type asks for; null if there is none.
Value path_cell(const registry::Column& column, const Value& object, TimePoint now) {
  auto path = json::JsonPath::parse(column.json_path);
  if (!path) return {};
  auto found = path->find_all(object);
  if (found.empty()) return {};
  const Value& value = found.front();
  if (column.type == "date") {
    return value.is_string() ? Value(age_of(value.as_string(), now)) : Value("<unknown>");
  }
  if (column.type == "integer") return value.is_number() ? Value(value.as_int()) : Value();
  if (column.type == "number" || column.type == "boolean") return value;
  if (value.is_null()) return {};
  return value.is_string() ? value : Value(json::print(value));
}

}  // namespace

Result<IncludeObject> parse_include_object(std::string_view text) {
  if (text.empty() || text == "Metadata") return IncludeObject::Metadata;
  if (text == "None") return IncludeObject::None;
  if (text == "Object") return IncludeObject::Object;
  return std::unexpected(
      Error::bad_request("unrecognized includeObject value: " + std::string(text)));
}

json::Value column_definitions(const registry::Version& version) {
  Value columns = Value::array();
  columns.push_back(
      definition("Name", "string", "name", "Name must be unique within a namespace.", 0));
  for (const registry::Column& column : version.columns) {
    std::string_view type = column.json_path == "@age" ? "string" : std::string_view(column.type);
    columns.push_back(
        definition(column.name, type, column.format, column.description, column.priority));
  }
  return columns;
}

json::Value table_row(const registry::Version& version, const json::Value& object,
                      IncludeObject include, TimePoint now) {
  Value cells = Value::array({object.at("metadata", "name")});
  for (const registry::Column& column : version.columns) {
    bool computed = column.json_path.starts_with('@');
    cells.push_back(computed
                        ? computed_cell(std::string_view(column.json_path).substr(1), object, now)
                        : path_cell(column, object, now));
  }
  Value row = Value::object({{"cells", std::move(cells)}});
  if (include == IncludeObject::Metadata) row.set("object", partial_object(object));
  if (include == IncludeObject::Object) row.set("object", object);
  return row;
}

json::Value empty_table(std::string_view resource_version) {
  return Value::object({{"kind", "Table"},
                        {"apiVersion", "meta.k8s.io/v1"},
                        {"metadata", Value::object({{"resourceVersion", resource_version}})},
                        {"columnDefinitions", Value::array()},
                        {"rows", Value::array()}});
}

json::Value partial_object(const json::Value& object) {
  return Value::object({{"kind", "PartialObjectMetadata"},
                        {"apiVersion", "meta.k8s.io/v1"},
                        {"metadata", object["metadata"]}});
}

}  // namespace server
