#include "json/size.h"

namespace json {
namespace {

// Takes the size of `value` off `left`; false if there is not that much.
bool take(const Value& value, std::size_t& left) {
  auto spend = [&left](std::size_t bytes) {
    bool enough = bytes <= left;
    left -= enough ? bytes : left;
    return enough;
  };
  if (value.is_string()) return spend(value.as_string().size() + 2);
  if (!spend(2)) return false;
  for (const Value& element : value.elements()) {
    if (!spend(1) || !take(element, left)) return false;
  }
  for (const Member& member : value.members()) {
    if (!spend(member.key.size() + 4) || !take(member.value, left)) return false;
  }
  return true;
}

bool count(const Value& value, std::size_t& left) {
  if (left == 0) return false;
  --left;
  for (const Value& element : value.elements()) {
    if (!count(element, left)) return false;
  }
  for (const Member& member : value.members()) {
    if (!count(member.value, left)) return false;
  }
  return true;
}

}  // namespace

bool has_at_most(const Value& value, std::size_t limit) { return count(value, limit); }

bool is_within(const Value& value, std::size_t limit) { return take(value, limit); }

}  // namespace json
