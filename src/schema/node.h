// The compiled form of one schema node: what prune, default and validate walk. Internal to schema/.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
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
  enum class ListType { Atomic, Set, Map } list_type = ListType::Atomic;
  std::vector<std::string> list_map_keys;
  std::string patch_strategy, patch_merge_key;

  const Node* find(std::string_view property) const;
};

// A schema that is being read.
struct Reading {
  std::vector<Cause> causes;  // problems with their path
  int instructions = 0;       // of all patterns so far
  std::size_t nodes = 0;
};
NodePtr read_node(const json::Value& source, const std::string& path, int depth, Reading& reading);
// The rules for structural schemas, below `path`.
void check_structural(const json::Value& source, const std::string& path,
                      std::vector<Cause>& causes);

void prune_node(const Node& node, json::Value& value, bool is_root, const std::string& path,
                std::vector<std::string>& removed);
void default_node(const Node& node, json::Value& value);

// Collects violations, at most 100. `before` may be null: unchanged values are not judged again.
// What would take too much work to judge is a violation.
class Validator {
 public:
  void check(const Node& node, const json::Value& value, const json::Value* before,
             const std::string& path);
  std::vector<Cause> take();

 private:
  bool is_done() const;
  bool is_enough();
  bool spend(std::size_t work);
  void check_enumeration(const json::Value& enumeration, const json::Value& value,
                         const std::string& path);
  bool matches_pattern(const re2::RE2& pattern, std::string_view text);
  void check_type(const Node& node, const json::Value& value, const std::string& path, bool& ok);
  void check_object(const Node& node, const json::Value& value, const json::Value* before,
                    const std::string& path);
  void check_array(const Node& node, const json::Value& value, const json::Value* before,
                   const std::string& path);
  void check_limits(const Limits& limits, const json::Value& value, const std::string& path);
  void check_combinations(const Limits& limits, const json::Value& value, const std::string& path);
  void check_number(const Limits& limits, const json::Value& value, const std::string& path);
  void check_string(const Limits& limits, const json::Value& value, const std::string& path);
  void check_sizes(const Limits& limits, const json::Value& value, const std::string& path);
  void check_uniqueness(const Node& node, const json::Value& value, const std::string& path);
  bool is_valid(const Node& node, const json::Value& value, const std::string& path);
  void add(Cause cause);
  void invalid(const std::string& path, const json::Value& value, std::string_view why);

  std::vector<Cause> causes_;
  std::size_t work_ = 0;
  bool first_only_ = false;  // whether there is one is all that is asked
};

bool matches_format(std::string_view format, std::string_view text);  // unknown formats match

}  // namespace schema
