// The rules that make a schema structural: every value's place and type is known without looking
// into logical junctors. Source: reference kube-apiserver.md 5.2.
#include <fmt/format.h>

#include "object/names.h"
#include "schema/walks.h"

namespace schema {
namespace {

bool is_open(const json::Value& source) {
  return source["x-kubernetes-int-or-string"].as_bool() ||
         source["x-kubernetes-preserve-unknown-fields"].as_bool();
}

void check_typed(const json::Value& source, const std::string& path, std::string_view what,
                 std::vector<Cause>& causes) {
  if (source["type"].as_string().empty() && !is_open(source)) {
    causes.push_back(
        object::required_value(path + ".type", fmt::format("must not be empty for {}", what)));
  }
}

// Inside allOf, anyOf, oneOf and not a schema may only constrain.
void check_nested(const json::Value& nested, const std::string& path, std::vector<Cause>& causes) {
  for (const char* name :
       {"type", "additionalProperties", "default", "title", "description", "nullable"}) {
    if (!nested.contains(name)) continue;
    bool int_or_string = std::string_view(name) == "type" && nested.size() == 1;
    if (int_or_string) continue;  // judged by the int-or-string rule of the node around it
    causes.push_back(object::forbidden_value(fmt::format("{}.{}", path, name),
                                             "must be empty to be structural"));
  }
  for (const json::Member& member : nested["properties"].members()) {
    check_nested(member.value, fmt::format("{}.properties[{}]", path, member.key), causes);
  }
  if (nested["items"].is_object()) check_nested(nested["items"], path + ".items", causes);
}

void check_junctors(const json::Value& source, const std::string& path,
                    std::vector<Cause>& causes) {
  for (const char* name : {"allOf", "anyOf", "oneOf"}) {
    std::size_t index = 0;
    for (const json::Value& one : source[name].elements()) {
      check_nested(one, fmt::format("{}.{}[{}]", path, name, index++), causes);
    }
  }
  if (source["not"].is_object()) check_nested(source["not"], path + ".not", causes);
}

void check_lists(const json::Value& source, const std::string& path, std::vector<Cause>& causes) {
  if (source["type"].as_string() == "array" && !source["items"].is_object()) {
    causes.push_back(object::required_value(path + ".items", "must be specified"));
  }
  std::string_view list_type = source["x-kubernetes-list-type"].as_string();
  if (list_type.empty()) return;
  if (list_type != "atomic" && list_type != "set" && list_type != "map") {
    causes.push_back(object::unsupported_value(path + ".x-kubernetes-list-type", list_type,
                                               {"atomic", "map", "set"}));
  }
  if (list_type == "map" && source["x-kubernetes-list-map-keys"].empty()) {
    causes.push_back(object::required_value(path + ".x-kubernetes-list-map-keys",
                                            "must not be empty if x-kubernetes-list-type is map"));
  }
}

void check_node(const json::Value& source, const std::string& path, int depth,
                std::vector<Cause>& causes) {
  if (depth > 200 || causes.size() > 100) return;
  if (source["properties"].size() > 0 && source["additionalProperties"].is_object()) {
    causes.push_back(
        object::forbidden_value(path + ".additionalProperties",
                                "additionalProperties and properties are mutual exclusive"));
  }
  check_lists(source, path, causes);
  check_junctors(source, path, causes);
  for (const json::Member& member : source["properties"].members()) {
    std::string below = fmt::format("{}.properties[{}]", path, member.key);
    check_typed(member.value, below, "specified object fields", causes);
    check_node(member.value, below, depth + 1, causes);
  }
  const json::Value& additional = source["additionalProperties"];
  if (additional.is_object()) {
    check_typed(additional, path + ".additionalProperties", "specified object fields", causes);
    check_node(additional, path + ".additionalProperties", depth + 1, causes);
  }
  const json::Value& items = source["items"];
  if (items.is_object()) {
    check_typed(items, path + ".items", "specified array items", causes);
    check_node(items, path + ".items", depth + 1, causes);
  }
}

}  // namespace

void check_structural(const json::Value& source, const std::string& path,
                      std::vector<Cause>& causes) {
  std::string_view type = source["type"].as_string();
  if (type.empty()) {
    causes.push_back(object::required_value(path + ".type", "must not be empty at the root"));
  } else if (type != "object") {
    causes.push_back(object::invalid_value(path + ".type", type, "must be object at the root"));
  }
  if (source["additionalProperties"].is_object() || source["additionalProperties"].as_bool()) {
    causes.push_back(
        object::forbidden_value(path + ".additionalProperties", "must not be used at the root"));
  }
  for (const json::Member& member : source.at("properties", "metadata", "properties").members()) {
    if (member.key != "name" && member.key != "generateName") {
      causes.push_back(object::forbidden_value(
          path + ".properties[metadata]",
          "must not specify anything other than name and generateName, but metadata is implicitly "
          "specified"));
    }
  }
  check_node(source, path, 0, causes);
}

}  // namespace schema
