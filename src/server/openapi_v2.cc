// From the v3 documents to the one v2 document.
#include "base/strings.h"
#include "server/openapi.h"

namespace server {
namespace {

using json::Value;

std::string definition_reference(std::string_view reference) {
  constexpr std::string_view kComponents = "#/components/schemas/";
  if (reference.starts_with(kComponents)) reference.remove_prefix(kComponents.size());
  return "#/definitions/" + std::string(reference);
}

// What v2 lacks: defaults are left out as the real server does, the others have no v2 form.
bool is_unknown_to_v2(std::string_view name) {
  return name == "default" || name == "nullable" || name == "oneOf" || name == "anyOf" ||
         name == "not" || name == "example" || name == "x-kubernetes-validations";
}

// What says how a value is built, and must go where any value is fine.
bool is_shape(std::string_view name) {
  return name == "type" || name == "items" || name == "properties" ||
         name == "additionalProperties" || name == "required" || name == "enum" ||
         name == "format" || name == "allOf";
}

Value schema_of(const Value& source);

Value properties_of(const Value& source) {
  Value properties = Value::object();
  for (const auto& member : source.members()) properties.set(member.key, schema_of(member.value));
  return properties;
}

// A list without a schema for its elements cannot be said in v2, nor "null or a value of a type".
Value schema_of(const Value& source) {
  bool keeps = source["x-kubernetes-preserve-unknown-fields"].as_bool();
  bool is_any = source["x-kubernetes-int-or-string"].as_bool() || source["nullable"].as_bool() ||
                (source["type"].as_string() == "array" && !source.contains("items"));
  Value schema = Value::object();
  for (const auto& [name, value] : source.members()) {
    if (is_unknown_to_v2(name) || (is_any && is_shape(name))) continue;
    if (keeps && is_shape(name) && name != "type") continue;
    if (name == "$ref") {
      schema.set(name, definition_reference(value.as_string()));
    } else if (name == "properties") {
      schema.set(name, properties_of(value));
    } else if (name == "items" || (name == "additionalProperties" && value.is_object())) {
      schema.set(name, schema_of(value));
    } else if (name == "allOf") {
      for (const Value& part : value.elements()) schema.edit(name).push_back(schema_of(part));
    } else {
      schema.set(name, value);
    }
  }
  if (source["x-kubernetes-embedded-resource"].as_bool() && schema.contains("properties")) {
    for (const char* name : {"apiVersion", "kind"}) {
      schema.edit("properties").set(name, Value::object({{"type", "string"}}));
    }
    schema.edit("properties").set("metadata", Value::object({{"type", "object"}}));
  }
  return schema;
}

Value body_of(const Value& content) {
  return Value::object({{"name", "body"},
                        {"in", "body"},
                        {"required", true},
                        {"schema", schema_of(content["schema"])}});
}

Value operation_of(const Value& source) {
  Value operation = Value::object(), parameters = Value::array(), responses = Value::object();
  Value consumes = Value::array(), produces = Value::array();
  for (const auto& member : source.at("requestBody", "content").members()) {
    if (consumes.empty()) parameters.push_back(body_of(member.value));
    consumes.push_back(member.key);
  }
  for (const Value& parameter : source["parameters"].elements()) {
    Value flat = parameter;
    flat.erase("schema");
    for (const auto& member : parameter["schema"].members()) flat.set(member.key, member.value);
    parameters.push_back(std::move(flat));
  }
  for (const auto& [code, answer] : source["responses"].members()) {
    Value response = Value::object({{"description", answer["description"]}});
    for (const auto& content : answer["content"].members()) {
      produces.push_back(content.key);
      response.set("schema", schema_of(content.value["schema"]));
    }
    responses.set(code, std::move(response));
  }
  for (const auto& member : source.members()) {
    if (member.key == "requestBody") continue;
    operation.set(member.key, member.value);
  }
  return operation.set("consumes", std::move(consumes))
      .set("produces", std::move(produces))
      .set("parameters", std::move(parameters))
      .set("responses", std::move(responses));
}

// The names in braces of a path, as its parameters.
Value path_parameters(std::string_view path) {
  Value parameters = Value::array();
  for (std::string_view part : split(path, '/')) {
    if (!part.starts_with("{") || !part.ends_with("}")) continue;
    parameters.push_back(Value::object({{"name", part.substr(1, part.size() - 2)},
                                        {"in", "path"},
                                        {"required", true},
                                        {"type", "string"},
                                        {"uniqueItems", true}}));
  }
  return parameters;
}

}  // namespace

json::Value openapi_v2(const registry::Kind& kind, const registry::Version& version) {
  Value definitions = Value::object(), paths = Value::object();
  Value document = openapi_v3(kind, version);
  for (const auto& [name, schema] : document.at("components", "schemas").members()) {
    definitions.set(name, schema_of(schema));
  }
  for (const auto& [path, methods] : document["paths"].members()) {
    Value item = Value::object();
    for (const auto& [method, operation] : methods.members()) {
      item.set(method, operation_of(operation));
    }
    paths.set(path, item.set("parameters", path_parameters(path)));
  }
  return Value::object({{"swagger", "2.0"},
                        {"info", document["info"]},
                        {"paths", std::move(paths)},
                        {"definitions", std::move(definitions)}});
}

}  // namespace server
