#include "json/patch.h"

namespace json {
namespace {

bool removes_any(const Value& patch) {
  for (const Member& member : patch.members()) {
    if (member.value.is_null()) return true;
  }
  return false;
}

}  // namespace

Value apply_merge_patch(Value target, const Value& patch) {
  if (!patch.is_object()) return patch;
  if (!target.is_object()) target = Value::object();
  if (removes_any(patch)) {  // one pass, so that many removals stay linear
    Value kept = Value::object();
    for (const Member& member : target.members()) {
      const Value* change = patch.find(member.key);
      if (!change || !change->is_null()) kept.set(member.key, member.value);
    }
    target = std::move(kept);
  }
  for (const Member& member : patch.members()) {
    if (member.value.is_null()) continue;
    Value& place = target.edit(member.key);
    place = apply_merge_patch(std::move(place), member.value);
  }
  return target;
}

Value diff_merge_patch(const Value& from, const Value& to) {
  if (!from.is_object() || !to.is_object()) return to;
  Value patch = Value::object();
  for (const Member& member : to.members()) {
    const Value* before = from.find(member.key);
    if (before && *before == member.value) continue;
    bool nested = before && before->is_object() && member.value.is_object();
    patch.set(member.key, nested ? diff_merge_patch(*before, member.value) : member.value);
  }
  for (const Member& member : from.members()) {
    if (!to.contains(member.key)) patch.set(member.key, Value());
  }
  return patch;
}

}  // namespace json
