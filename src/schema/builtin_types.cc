#include "schema/builtin_types.h"

#include <algorithm>

#include "base/check.h"
#include "base/strings.h"
#include "json/text.h"
#include "schema/embedded.h"
#include "schema/walks.h"

namespace schema {
namespace {

// The options of a container that is there even in an empty object, as {} or as null.
constexpr std::string_view kPresent = "present", kPresentNull = "present=null";

struct Field {
  FieldFact fact;
  std::vector<std::string> options;  // "patch=merge", "required"
};
using Types = std::map<std::string, std::vector<Field>, std::less<>>;

Field parse_field(const std::string& name, std::string_view text) {
  Field field;
  auto words = split(text, ' ');
  field.fact.name = name;
  field.fact.type = words[0];
  std::size_t next = 1;
  if (words.size() > 1) {
    if (auto number = parse_u64(words[1])) {
      field.fact.number = static_cast<int>(*number);
      next = 2;
    }
  }
  for (; next < words.size(); ++next) field.options.emplace_back(words[next]);
  return field;
}

// The line of a type's table that says that the type is merged as one value.
constexpr std::string_view kStructType = "+structType";

// All field tables, by file name without ending ("core_v1").
const std::map<std::string, Types, std::less<>>& all_types() {
  static const auto* all = [] {
    auto* tables = new std::map<std::string, Types, std::less<>>();
    for (const EmbeddedFile& file : embedded_files()) {
      if (!file.name.starts_with("types/")) continue;
      auto parsed = json::parse_yaml(file.text);
      CHECK(parsed.has_value());
      std::string name(file.name.substr(6, file.name.size() - 11));
      for (const json::Member& type : parsed->members()) {
        auto& fields = (*tables)[name][type.key];
        for (const json::Member& field : type.value.members()) {
          fields.push_back(parse_field(field.key, field.value.as_string()));
        }
      }
    }
    return tables;
  }();
  return *all;
}

const std::vector<Field>* find_fields(std::string_view file, std::string_view type) {
  for (std::string_view place : {file, std::string_view("core_v1"), std::string_view("meta_v1")}) {
    auto table = all_types().find(place);
    if (table == all_types().end()) continue;
    auto found = table->second.find(type);
    if (found != table->second.end()) return &found->second;
  }
  return nullptr;
}

json::Value object_with(std::initializer_list<json::Member> members) {
  return json::Value::object(members);
}

json::Value scalar_schema(std::string_view type) {
  if (type == "string") return object_with({{"type", "string"}});
  if (type == "bool") return object_with({{"type", "boolean"}});
  if (type == "int32" || type == "int64")
    return object_with({{"type", "integer"}, {"format", type}});
  if (type == "double") return object_with({{"type", "number"}, {"format", "double"}});
  if (type == "time" || type == "microtime") {
    return object_with({{"type", "string"}, {"format", "date-time"}, {"nullable", true}});
  }
  if (type == "bytes") return object_with({{"type", "string"}, {"format", "byte"}});
  if (type == "duration") return object_with({{"type", "string"}});
  if (type == "quantity" || type == "intstr") {
    return object_with({{"x-kubernetes-int-or-string", true}});
  }
  if (type == "raw" || type == "fieldsv1") {
    return object_with({{"type", "object"},
                        {"x-kubernetes-preserve-unknown-fields", true},
                        {"x-kubernetes-map-type", "atomic"}});
  }
  if (type == "json" || type == "any") {
    return object_with(
        {{"x-kubernetes-preserve-unknown-fields", true}, {"x-kubernetes-map-type", "atomic"}});
  }
  return {};
}

json::Value option_value(std::string_view text) {
  auto value = json::parse(text);
  return value ? *value : json::Value(text);
}

// Applies "min=0", "enum=A,B", "default=x", "patch=merge", ... to a field's schema.
void apply_option(json::Value& schema, std::string_view option) {
  std::size_t equals = option.find('=');
  std::string_view name = option.substr(0, equals);
  std::string_view value = equals == std::string_view::npos ? "" : option.substr(equals + 1);
  if (name == "min")
    schema.set("minimum", option_value(value));
  else if (name == "max")
    schema.set("maximum", option_value(value));
  else if (name == "minlength")
    schema.set("minLength", option_value(value));
  else if (name == "maxlength")
    schema.set("maxLength", option_value(value));
  else if (name == "default")
    schema.set("default", option_value(value));
  else if (name == "pattern")
    schema.set("pattern", value);
  else if (name == "nullable")
    schema.set("nullable", true);
  else if (name == "patch")
    schema.set("x-kubernetes-patch-strategy", value);
  else if (name == "key")
    schema.set("x-kubernetes-patch-merge-key", value);
  else if (name == "list")
    schema.set("x-kubernetes-list-type", value);
  else if (name == "map")
    schema.set("x-kubernetes-map-type", value);
  else if (name == "enum" || name == "listkeys") {
    json::Value list = json::Value::array();
    for (std::string_view one : split(value, ',')) list.push_back(one);
    schema.set(name == "enum" ? "enum" : "x-kubernetes-list-map-keys", std::move(list));
  } else {
    CHECK(name == "required" || name == kPresent);  // of no schema itself
  }
}

}  // namespace

const std::vector<FieldFact>* find_type(std::string_view file, std::string_view type) {
  static std::map<const std::vector<Field>*, std::vector<FieldFact>>* facts = [] {
    auto* all = new std::map<const std::vector<Field>*, std::vector<FieldFact>>();
    for (const auto& [name, types] : all_types()) {
      for (const auto& [type_name, fields] : types) {
        for (const Field& field : fields) {
          if (field.fact.name != kStructType) (*all)[&fields].push_back(field.fact);
        }
      }
    }
    return all;
  }();
  const auto* fields = find_fields(file, type);
  if (!fields) return nullptr;
  return &(*facts)[fields];
}

TypeTable::TypeTable(std::string file, const json::Value& rules)
    : file_(std::move(file)), rules_(rules) {}

json::Value TypeTable::type_schema(const std::string& text,
                                   std::vector<std::string>& inside) const {
  if (text.starts_with("list:")) {
    return object_with({{"type", "array"}, {"items", type_schema(text.substr(5), inside)}});
  }
  if (text.starts_with("map:")) {
    return object_with(
        {{"type", "object"}, {"additionalProperties", type_schema(text.substr(4), inside)}});
  }
  json::Value scalar = scalar_schema(text);
  if (!scalar.is_null()) return scalar;
  return object_schema(text, inside);
}

void TypeTable::add_fields(const std::string& type, json::Value& schema,
                           std::vector<std::string>& inside) const {
  const auto* fields = find_fields(file_, type);
  if (!fields) check_failed(("unknown type " + type + " in " + file_).c_str(), "apis", 0);
  for (const Field& field : *fields) {
    if (field.fact.name == kStructType) {
      if (type == inside.back()) schema.set("x-kubernetes-map-type", field.fact.type);
      continue;
    }
    if (field.fact.name.starts_with('<')) {  // its fields stand beside ours in JSON
      add_fields(field.fact.type, schema, inside);
      continue;
    }
    std::vector<std::string> options = field.options;
    std::string field_type = field.fact.type;
    for (std::string_view word : split(rules_[type + "." + field.fact.name].as_string(), ' ')) {
      if (word.starts_with("type="))
        field_type = word.substr(5);
      else if (!word.empty())
        options.emplace_back(word);
    }
    json::Value property = type_schema(field_type, inside);
    for (const std::string& option : options) {
      apply_option(property, option);
      if (option == "required") schema.edit("required").push_back(field.fact.name);
    }
    schema.edit("properties").set(field.fact.name, std::move(property));
  }
}

json::Value TypeTable::object_schema(const std::string& type,
                                     std::vector<std::string>& inside) const {
  json::Value schema = object_with({{"type", "object"}});
  if (std::ranges::find(inside, type) != inside.end()) {  // a type within itself
    return schema.set("x-kubernetes-preserve-unknown-fields", true);
  }
  inside.push_back(type);
  add_fields(type, schema, inside);
  inside.pop_back();
  if (!schema.contains("properties")) schema.set("x-kubernetes-preserve-unknown-fields", true);
  return schema;
}

json::Value TypeTable::schema_of(const std::string& type) const {
  std::vector<std::string> inside;
  json::Value schema = object_schema(type, inside);
  json::Value properties = object_with({{"apiVersion", object_with({{"type", "string"}})},
                                        {"kind", object_with({{"type", "string"}})},
                                        {"metadata", object_with({{"type", "object"}})}});
  for (const json::Member& member : schema["properties"].members()) {
    if (member.key != "metadata") properties.set(member.key, member.value);
  }
  schema.set("properties", std::move(properties));
  // How lists of the public types merge says nothing about what may stand in them; rules do.
  if (!file_.contains(".kcp.io")) schema.set(kMayRepeat, true);
  return schema;
}

json::Value TypeTable::empty_object(const std::string& type) const {
  json::Value object = json::Value::object();
  const auto* fields = find_fields(file_, type);
  if (!fields) return object;
  for (const Field& field : *fields) {
    for (std::string_view option : field.options) {
      if (option == kPresent) object.set(field.fact.name, empty_object(field.fact.type));
      if (option == kPresentNull) object.set(field.fact.name, nullptr);
    }
  }
  return object;
}

json::Value TypeTable::part_schema(const std::string& type) const {
  std::vector<std::string> inside;
  return object_schema(type, inside);
}

}  // namespace schema
