#include "syncer/applied_fields.h"

namespace syncer {
namespace {

using json::Value;

bool is_zero(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::Null: return true;
    case Value::Kind::Bool: return !value.as_bool();
    case Value::Kind::String: return value.as_string().empty();
    case Value::Kind::Array:
    case Value::Kind::Object: return value.empty();
    default: return value.as_double() == 0;
  }
}

bool is_satisfied(const Value& live, const Value& wanted, const Value& applied);

// Servers leave out what is zero: once applied, its absence is no difference.
bool is_satisfied_by_absence(const Value& wanted, const Value* applied) {
  return wanted.is_null() || (applied && is_zero(wanted));
}

bool is_object_satisfied(const Value& live, const Value& wanted, const Value& applied) {
  for (const auto& member : wanted.members()) {
    const Value* present = live.find(member.key);
    bool satisfied = present ? is_satisfied(*present, member.value, applied[member.key])
                             : is_satisfied_by_absence(member.value, applied.find(member.key));
    if (!satisfied) return false;
  }
  for (const auto& member : applied.members()) {
    if (!wanted.contains(member.key) && live.contains(member.key)) return false;
  }
  return true;
}

// All wanted elements must be there in their order; further ones between them are others', unless
// we applied more than we want now.
bool is_list_satisfied(const Value& live, const Value& wanted, const Value& applied) {
  bool plain = !wanted.empty() && !wanted[0].is_object();
  if (plain || wanted.empty()) return live == wanted;
  if (applied.size() > wanted.size()) return false;
  std::size_t next = 0;
  for (const Value& present : live.elements()) {
    if (next == wanted.size()) break;
    if (is_satisfied(present, wanted[next], applied[next])) ++next;
  }
  return next == wanted.size();
}

bool is_satisfied(const Value& live, const Value& wanted, const Value& applied) {
  if (wanted.is_object() && live.is_object()) return is_object_satisfied(live, wanted, applied);
  if (wanted.is_array() && live.is_array()) return is_list_satisfied(live, wanted, applied);
  return live == wanted;
}

}  // namespace

Value shape_of(const Value& value) {
  if (value.is_object()) {
    Value shape = Value::object();
    for (const auto& member : value.members()) shape.set(member.key, shape_of(member.value));
    return shape;
  }
  bool structured = value.is_array() && !value.empty() && value[0].is_object();
  if (!structured) return 0;
  Value shape = Value::array();
  for (const Value& element : value.elements()) shape.push_back(shape_of(element));
  return shape;
}

Value patch_to(const Value& live, const Value& wanted, const Value& applied) {
  Value patch = Value::object();
  for (const auto& member : wanted.members()) {
    const Value* present = live.find(member.key);
    if (!present) {
      if (!is_satisfied_by_absence(member.value, applied.find(member.key))) {
        patch.set(member.key, member.value);
      }
    } else if (member.value.is_object() && present->is_object()) {
      Value inner = patch_to(*present, member.value, applied[member.key]);
      if (!inner.empty()) patch.set(member.key, std::move(inner));
    } else if (!is_satisfied(*present, member.value, applied[member.key])) {
      patch.set(member.key, member.value);
    }
  }
  for (const auto& member : applied.members()) {
    if (!wanted.contains(member.key) && live.contains(member.key)) patch.set(member.key, nullptr);
  }
  return patch;
}

}  // namespace syncer
