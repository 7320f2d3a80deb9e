#include "schema/builtin.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/check.h"
#include "base/strings.h"
#include "json/text.h"
#include "schema/builtin_types.h"
#include "schema/embedded.h"

namespace schema {
namespace {

std::vector<std::string> strings_of(const json::Value& list) {
  std::vector<std::string> all;
  for (const json::Value& one : list.elements()) all.push_back(one.str());
  return all;
}

// "Name | type | source | wide"
BuiltinColumn parse_column(std::string_view text) {
  auto parts = split(text, '|');
  CHECK(parts.size() >= 3);
  return {std::string(trim(parts[0])), std::string(trim(parts[1])), std::string(trim(parts[2])),
          parts.size() > 3};
}

BuiltinKind read_kind(const json::Value& file, const json::Value& source, const TypeTable& types) {
  BuiltinKind kind;
  kind.group = file["group"].str();
  kind.version = file["version"].str();
  kind.kind = source["kind"].str();
  kind.plural = source["plural"].str();
  kind.singular = lower(kind.kind);
  kind.short_names = strings_of(source["short"]);
  kind.categories = strings_of(source["categories"]);
  kind.verbs = strings_of(source["verbs"]);
  kind.selectable_fields = strings_of(source["selectable"]);
  kind.sets = strings_of(source.contains("sets") ? source["sets"] : file["sets"]);
  kind.namespaced = source["namespaced"].as_bool();
  kind.has_status = source["status"].as_bool();
  kind.has_scale = source["scale"].as_bool();
  kind.virtual_only = source["virtual"].as_bool();
  for (const json::Value& column : source["columns"].elements()) {
    kind.columns.push_back(parse_column(column.as_string()));
  }
  std::string type = source.contains("type") ? source["type"].str() : kind.kind;
  kind.empty = types.empty_object(type);
  kind.empty.erase("metadata");
  kind.schema = stored_schema(Bytes(json::print(types.schema_of(type))));
  return kind;
}

std::vector<BuiltinKind> load_kinds() {
  std::vector<BuiltinKind> kinds;
  for (const EmbeddedFile& file : embedded_files()) {
    if (file.name.find('/') != std::string_view::npos) continue;  // types and bootstrap objects
    auto parsed = json::parse_yaml(file.text);
    CHECK(parsed.has_value());
    TypeTable types((*parsed)["types"].str(), (*parsed)["rules"]);
    for (const json::Value& source : (*parsed)["kinds"].elements()) {
      kinds.push_back(read_kind(*parsed, source, types));
    }
  }
  return kinds;
}

}  // namespace

const std::vector<BuiltinKind>& builtin_kinds() {
  static const std::vector<BuiltinKind>* all = new std::vector<BuiltinKind>(load_kinds());
  return *all;
}

const BuiltinKind* find_builtin(std::string_view group, std::string_view plural) {
  for (const BuiltinKind& kind : builtin_kinds()) {
    if (kind.group == group && kind.plural == plural) return &kind;
  }
  return nullptr;
}

const SchemaPtr& object_meta() {
  static const auto* schema = new SchemaPtr(
      stored_schema(Bytes(json::print(TypeTable("meta_v1", {}).part_schema("ObjectMeta")))));
  return *schema;
}

std::string_view embedded_file(std::string_view name) {
  for (const EmbeddedFile& file : embedded_files()) {
    if (file.name == name) return file.text;
  }
  return {};
}

}  // namespace schema
