#include "server/openapi.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "schema/builtin.h"
#include "schema/digest.h"

namespace server {
namespace {

using json::Value;

// Part of all digests: clients keep a document as long as its digest is the same, so this is to be
// changed together with what this file makes of a kind.
constexpr std::string_view kDocumentForm = "2";

// "apps" + "v1" + "Deployment" -> "apps.v1.Deployment": unique and free of slashes.
std::string component_name(const registry::Kind& kind, std::string_view version) {
  auto parts = split(kind.group.empty() ? "core" : std::string_view(kind.group), '.');
  std::string name;
  for (auto it = parts.rbegin(); it != parts.rend(); ++it) name.append(*it).append(".");
  return name.append(version).append(".").append(kind.kind);
}

Value reference(std::string_view name) {
  return Value::object({{"$ref", "#/components/schemas/" + std::string(name)}});
}

Value type_of(const registry::Kind& kind, std::string_view version) {
  return Value::object({{"group", kind.group}, {"version", version}, {"kind", kind.kind}});
}

Value string_schema(std::string_view description) {
  return Value::object({{"type", "string"}, {"description", description}});
}

// The metadata that all objects share.
Value object_meta() {
  return schema::object_meta()->openapi_v3().set("description", "Metadata that every object has.");
}

Value kind_schema(const registry::Kind& kind, const registry::Version& version) {
  Value schema = version.schema->openapi_v3();
  Value properties = Value::object(
      {{"apiVersion", string_schema("The version of this representation of the object.")},
       {"kind", string_schema("The kind of resource that this object represents.")},
       {"metadata", reference(kObjectMeta)}});
  for (const auto& member : schema["properties"].members()) {
    if (!properties.contains(member.key)) properties.set(member.key, member.value);
  }
  schema.set("properties", std::move(properties));
  schema.set("x-kubernetes-group-version-kind", Value::array({type_of(kind, version.name)}));
  return schema;
}

Value query_parameter(std::string_view name, std::string_view type = "string") {
  return Value::object({{"name", name},
                        {"in", "query"},
                        {"schema", Value::object({{"type", type}, {"uniqueItems", true}})}});
}

Value operation(const registry::Kind& kind, std::string_view version, std::string_view method,
                bool collection) {
  Value body = Value::object({{"schema", reference(component_name(kind, version))}});
  Value responses = Value::object(
      {{"200", Value::object({{"description", "OK"},
                              {"content", Value::object({{"application/json", body}})}})}});
  Value parameters = Value::array();
  bool writes = method == "post" || method == "put" || method == "patch";
  if (writes) {
    for (const char* name : {"dryRun", "fieldManager", "fieldValidation"}) {
      parameters.push_back(query_parameter(name));
    }
  }
  if (method == "patch") parameters.push_back(query_parameter("force", "boolean"));
  if (method == "delete") parameters.push_back(query_parameter("dryRun"));
  std::string action(method);
  if (method == "get" && collection) action = "list";
  if (method == "delete" && collection) action = "deletecollection";
  Value result = Value::object({{"operationId", action + component_name(kind, version)},
                                {"x-kubernetes-action", action},
                                {"x-kubernetes-group-version-kind", type_of(kind, version)},
                                {"parameters", std::move(parameters)},
                                {"responses", std::move(responses)}});
  if (writes) {
    Value content = Value::object();
    if (method == "patch") {
      content.set("application/json-patch+json", body).set("application/merge-patch+json", body);
      if (kind.builtin) content.set("application/strategic-merge-patch+json", body);
      content.set("application/apply-patch+yaml", body);
    } else {
      content.set("application/json", body);
    }
    result.set("requestBody", Value::object({{"content", std::move(content)}}));
  }
  return result;
}

void add_paths(const registry::Kind& kind, const object::GroupVersion& at, Value& paths) {
  std::string base = "/" + openapi_path(at) + "/";
  std::string collection = base + (kind.namespaced ? "namespaces/{namespace}/" : "") + kind.plural;
  auto has = [&](std::string_view verb) {
    return kind.verbs.empty() || std::ranges::find(kind.verbs, verb) != kind.verbs.end();
  };
  Value& on_collection = paths.edit(collection);
  if (has("list")) on_collection.set("get", operation(kind, at.version, "get", true));
  if (has("create")) on_collection.set("post", operation(kind, at.version, "post", true));
  if (has("deletecollection"))
    on_collection.set("delete", operation(kind, at.version, "delete", true));
  if (!has("get")) return;
  Value& on_object = paths.edit(collection + "/{name}");
  for (const char* method : {"get", "put", "patch", "delete"}) {
    on_object.set(method, operation(kind, at.version, method, false));
  }
  if (kind.namespaced && has("list")) {
    paths.edit(base + kind.plural).set("get", operation(kind, at.version, "get", true));
  }
}

}  // namespace

std::string openapi_path(const object::GroupVersion& at) {
  return at.group.empty() ? "api/" + at.version : "apis/" + at.group + "/" + at.version;
}

json::Value openapi_v3(const registry::Kind& kind, const registry::Version& version) {
  Value paths = Value::object();
  add_paths(kind, {kind.group, version.name}, paths);
  Value schemas = Value::object({{std::string(kObjectMeta), object_meta()}});
  schemas.set(component_name(kind, version.name), kind_schema(kind, version));
  return Value::object({{"openapi", "3.0.0"},
                        {"info", Value::object({{"title", "Kubernetes"}, {"version", "v1.32.0"}})},
                        {"paths", std::move(paths)},
                        {"components", Value::object({{"schemas", std::move(schemas)}})}});
}

std::string openapi_digest(const GroupVersionKinds& kinds) {
  // Each text with its length, so that no two sets of kinds are written the same.
  std::string text(kDocumentForm);
  auto add = [&](std::string_view part) { text += fmt::format(" {}:{}", part.size(), part); };
  add(openapi_path(kinds.at));
  for (const registry::Kind* kind : kinds.kinds) {
    add(kind->plural);
    add(kind->kind);
    add(kind->find_version(kinds.at.version)->schema->digest());
    text += fmt::format(" {} {} {}", kind->namespaced, kind->builtin, kind->verbs.size());
    for (const std::string& verb : kind->verbs) add(verb);
  }
  return schema::sha256_hex(text);
}

}  // namespace server
