// The walks over a schema and over objects by a schema. Internal to schema/.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "schema/node.h"

namespace schema {

// At the root of a schema: lists of the types set and map may have equal elements.
constexpr std::string_view kMayRepeat = "x-kcp-lists-may-repeat";

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
  explicit Validator(bool may_repeat = false) : may_repeat_(may_repeat) {}
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
  bool may_repeat_ = false;
};

bool matches_format(std::string_view format, std::string_view text);  // unknown formats match

}  // namespace schema
