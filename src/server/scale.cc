#include "server/scale.h"

#include "base/strings.h"
#include "json/patch.h"

namespace server {
namespace {

json::Value at_path(const json::Value& object, std::string_view path) {
  auto parsed = json::JsonPath::parse(path);
  return parsed ? parsed->find_first(object) : json::Value();
}

// "a=b,c=d" of a label selector object, or the text itself.
std::string selector_text(const json::Value& object, const registry::ScalePaths& paths) {
  if (!paths.label_selector.empty()) return at_path(object, paths.label_selector).str();
  std::vector<std::string> parts;
  for (const auto& member : object.at("spec", "selector", "matchLabels").members()) {
    parts.push_back(member.key + "=" + member.value.str());
  }
  return join(parts, ",");
}

}  // namespace

json::Value scale_of(const registry::ScalePaths& paths, const json::Value& object) {
  json::Value metadata = json::Value::object();
  for (const char* field : {"name", "namespace", "uid", "resourceVersion", "creationTimestamp"}) {
    if (object["metadata"].contains(field)) metadata.set(field, object["metadata"][field]);
  }
  json::Value status =
      json::Value::object({{"replicas", at_path(object, paths.status_replicas).as_int()}});
  std::string selector = selector_text(object, paths);
  if (!selector.empty()) status.set("selector", selector);
  return json::Value::object(
      {{"kind", "Scale"},
       {"apiVersion", "autoscaling/v1"},
       {"metadata", std::move(metadata)},
       {"spec", json::Value::object({{"replicas", at_path(object, paths.spec_replicas).as_int()}})},
       {"status", std::move(status)}});
}

Result<json::Value> with_scale(const registry::ScalePaths& paths, json::Value object,
                               const json::Value& scale) {
  const json::Value& replicas = scale.at("spec", "replicas");
  if (!replicas.is_null() && (!replicas.is_number() || replicas.as_int() < 0)) {
    return std::unexpected(Error::invalid("autoscaling", "Scale",
                                          object.at("metadata", "name").as_string(),
                                          {{"FieldValueInvalid", "spec.replicas",
                                            "Invalid value: " + std::to_string(replicas.as_int()) +
                                                ": must be greater than or equal to 0"}}));
  }
  json::Value* at = &object;
  for (std::string_view name : split(std::string_view(paths.spec_replicas).substr(1), '.')) {
    at = &at->edit(name);
  }
  *at = replicas.as_int();
  std::string version = scale.at("metadata", "resourceVersion").str();
  if (!version.empty()) object.edit("metadata").set("resourceVersion", version);
  return object;
}

}  // namespace server
