// JSON Patch (RFC 6902), JSON Merge Patch (RFC 7386) and the Kubernetes JSONPath subset that
// printer columns and scale paths use. Pure, thread-safe.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/value.h"

namespace json {

// Applies `patch` (an array of operations, at most `max_operations`) to `target`.
// BadRequest if the patch is malformed, Invalid if an operation cannot be applied (a missing path,
// a failed test). Copies are bounded to 3 MiB of growth.
Result<Value> apply_json_patch(Value target, const Value& patch,
                               std::size_t max_operations = 10'000);

Value apply_merge_patch(Value target, const Value& patch);
// The merge patch that turns `from` into `to`.
Value diff_merge_patch(const Value& from, const Value& to);

// ".spec.containers[0].image", ".metadata.labels['a.b/c']", ".items[*].name",
// ".conditions[?(@.type==\"Ready\")].status".
class JsonPath {
 public:
  static Result<JsonPath> parse(std::string_view text);  // with or without {} around it
  // All matches in document order.
  std::vector<Value> find_all(const Value& root) const;
  // The first match, or null.
  Value find_first(const Value& root) const;

 private:
  struct Step {
    enum class Kind { Member, Index, All, Filter } kind = Kind::Member;
    std::string name;        // Member; Filter: path below the element, dotted
    std::int64_t index = 0;  // Index; negative counts from the end
    std::string operation;   // Filter: "==" or "!="
    Value operand;           // Filter
  };
  std::vector<Step> steps_;
};

}  // namespace json
