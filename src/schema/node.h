// Node: the compiled form of one node of a schema, which every walk over an object follows. Made by
// schema/ only and never changed afterwards, so it may be read from any thread while it is held.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "json/value.h"

namespace re2 {
class RE2;
}

namespace schema {

struct Node;
using NodePtr = std::unique_ptr<const Node>;

// Value validations: most nodes have none.
struct Limits {
  std::optional<double> minimum, maximum, multiple_of;
  bool exclusive_minimum = false, exclusive_maximum = false;
  std::optional<std::int64_t> min_length, max_length, min_items, max_items, min_properties,
      max_properties;
  bool unique_items = false;
  std::string pattern_text;
  std::shared_ptr<const re2::RE2> pattern;
  std::string format;
  json::Value enumeration;  // array or null
  std::vector<NodePtr> all_of, any_of, one_of;
  NodePtr negated;
};

struct Node {
  enum class Type { Any, Object, Array, String, Integer, Number, Boolean };
  Type type = Type::Any;
  bool nullable = false;
  bool int_or_string = false;
  bool preserve_unknown = false;
  bool embedded = false;
  bool additional_allowed = false;                          // additionalProperties: true
  std::vector<std::pair<std::string, NodePtr>> properties;  // sorted by name
  NodePtr additional;                                       // schema of additionalProperties
  NodePtr items;
  std::vector<std::string> required;
  std::unique_ptr<const json::Value> default_value;
  std::unique_ptr<const Limits> limits;
  // How server-side apply merges the list. A built-in kind may say it by its patch strategy.
  enum class ListType { Atomic, Set, Map } list_type = ListType::Atomic;
  std::vector<std::string> list_map_keys;
  bool atomic_map = false;        // x-kubernetes-map-type
  bool lists_may_repeat = false;  // at the root: for all lists of this schema
  std::string patch_strategy, patch_merge_key;

  const Node* find(std::string_view property) const;
};

}  // namespace schema
