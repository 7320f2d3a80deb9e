// From an OpenAPI v3 schema to the compiled form.
#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>

#include "object/names.h"
#include "schema/walks.h"

namespace schema {
namespace {

constexpr int kMaxDepth = 200;
constexpr std::int64_t kMaxPatternMemory = 128 * 1024;
// Instructions of all patterns of a schema: short ones with repetitions may compile to a lot.
constexpr int kMaxInstructions = 20'000;

std::optional<double> number_of(const json::Value& value) {
  return value.is_number() ? std::optional(value.as_double()) : std::nullopt;
}
std::optional<std::int64_t> integer_of(const json::Value& value) {
  return value.is_number() ? std::optional(value.as_int()) : std::nullopt;
}

Node::Type type_of(std::string_view text) {
  if (text == "object") return Node::Type::Object;
  if (text == "array") return Node::Type::Array;
  if (text == "string") return Node::Type::String;
  if (text == "integer") return Node::Type::Integer;
  if (text == "number") return Node::Type::Number;
  if (text == "boolean") return Node::Type::Boolean;
  return Node::Type::Any;
}

std::vector<NodePtr> read_list(const json::Value& list, const std::string& path, int depth,
                               Reading& reading) {
  std::vector<NodePtr> nodes;
  std::size_t index = 0;
  for (const json::Value& one : list.elements()) {
    nodes.push_back(read_node(one, fmt::format("{}[{}]", path, index++), depth, reading));
  }
  return nodes;
}

std::unique_ptr<const Limits> read_limits(const json::Value& source, const std::string& path,
                                          int depth, Reading& reading) {
  constexpr std::string_view kNames[] = {
      "minimum",  "maximum",       "multipleOf",    "minLength",   "maxLength", "minItems",
      "maxItems", "minProperties", "maxProperties", "uniqueItems", "pattern",   "format",
      "enum",     "allOf",         "anyOf",         "oneOf",       "not"};
  if (std::ranges::none_of(kNames, [&](std::string_view name) { return source.contains(name); })) {
    return nullptr;
  }
  auto limits = std::make_unique<Limits>();
  limits->minimum = number_of(source["minimum"]);
  limits->maximum = number_of(source["maximum"]);
  limits->exclusive_minimum = source["exclusiveMinimum"].as_bool();
  limits->exclusive_maximum = source["exclusiveMaximum"].as_bool();
  limits->multiple_of = number_of(source["multipleOf"]);
  limits->min_length = integer_of(source["minLength"]);
  limits->max_length = integer_of(source["maxLength"]);
  limits->min_items = integer_of(source["minItems"]);
  limits->max_items = integer_of(source["maxItems"]);
  limits->min_properties = integer_of(source["minProperties"]);
  limits->max_properties = integer_of(source["maxProperties"]);
  limits->unique_items = source["uniqueItems"].as_bool();
  limits->format = source["format"].str();
  limits->enumeration = source["enum"];
  limits->pattern_text = source["pattern"].str();
  if (!limits->pattern_text.empty() && reading.instructions <= kMaxInstructions) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(kMaxPatternMemory);
    limits->pattern = std::make_shared<re2::RE2>(limits->pattern_text, options);
    if (!limits->pattern->ok()) {
      reading.causes.push_back(object::invalid_value(
          path + ".pattern", limits->pattern_text,
          "must be a valid regular expression, but isn't: " + limits->pattern->error()));
    } else if ((reading.instructions += limits->pattern->ProgramSize()) > kMaxInstructions) {
      reading.causes.push_back(object::forbidden_value(
          path + ".pattern", "the patterns of the schema are too complex in all"));
    }
  }
  limits->all_of = read_list(source["allOf"], path + ".allOf", depth, reading);
  limits->any_of = read_list(source["anyOf"], path + ".anyOf", depth, reading);
  limits->one_of = read_list(source["oneOf"], path + ".oneOf", depth, reading);
  if (source["not"].is_object())
    limits->negated = read_node(source["not"], path + ".not", depth, reading);
  return limits;
}

// Requires that the patch strategy has been read: it says how a list merges if nothing else does.
void read_list_type(const json::Value& source, Node& node) {
  std::string_view type = source["x-kubernetes-list-type"].as_string();
  for (const json::Value& key : source["x-kubernetes-list-map-keys"].elements()) {
    node.list_map_keys.push_back(key.str());
  }
  bool merges = type.empty() && node.patch_strategy == "merge";
  if (merges && !node.patch_merge_key.empty()) {
    node.list_type = Node::ListType::Map;
    node.list_map_keys = {node.patch_merge_key};
  } else if (type == "set" || merges) {
    node.list_type = Node::ListType::Set;
  } else if (type == "map") {
    node.list_type = Node::ListType::Map;
  }
}

void read_children(const json::Value& source, const std::string& path, int depth, Node& node,
                   Reading& reading) {
  for (const json::Member& member : source["properties"].members()) {
    std::string below = fmt::format("{}.properties[{}]", path, member.key);
    node.properties.emplace_back(member.key, read_node(member.value, below, depth, reading));
  }
  std::ranges::sort(node.properties, {}, [](const auto& entry) { return entry.first; });
  const json::Value& additional = source["additionalProperties"];
  if (additional.is_object()) {
    node.additional = read_node(additional, path + ".additionalProperties", depth, reading);
  }
  node.additional_allowed = additional.as_bool();
  if (source["items"].is_object()) {
    node.items = read_node(source["items"], path + ".items", depth, reading);
  }
}

}  // namespace

const Node* Node::find(std::string_view property) const {
  auto it = std::ranges::lower_bound(
      properties, property, {}, [](const auto& entry) { return std::string_view(entry.first); });
  return it != properties.end() && it->first == property ? it->second.get() : nullptr;
}

NodePtr read_node(const json::Value& source, const std::string& path, int depth, Reading& reading) {
  auto node = std::make_unique<Node>();
  ++reading.nodes;
  if (depth > kMaxDepth) {
    reading.causes.push_back(object::forbidden_value(path, "the schema is nested too deeply"));
    return node;
  }
  node->type = type_of(source["type"].as_string());
  node->nullable = source["nullable"].as_bool();
  node->int_or_string = source["x-kubernetes-int-or-string"].as_bool();
  node->preserve_unknown = source["x-kubernetes-preserve-unknown-fields"].as_bool();
  node->embedded = source["x-kubernetes-embedded-resource"].as_bool();
  node->lists_may_repeat = source[kMayRepeat].as_bool();
  node->atomic_map = source["x-kubernetes-map-type"].as_string() == "atomic";
  for (const json::Value& name : source["required"].elements())
    node->required.push_back(name.str());
  node->patch_strategy = source["x-kubernetes-patch-strategy"].str();
  node->patch_merge_key = source["x-kubernetes-patch-merge-key"].str();
  read_list_type(source, *node);
  if (const json::Value* value = source.find("default"); value && !value->is_null()) {
    node->default_value = std::make_unique<const json::Value>(*value);
  }
  read_children(source, path, depth + 1, *node, reading);
  node->limits = read_limits(source, path, depth + 1, reading);
  return node;
}

}  // namespace schema
