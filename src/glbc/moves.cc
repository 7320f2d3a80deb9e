#include "glbc/moves.h"

#include <algorithm>
#include <chrono>

#include "base/strings.h"
#include "glbc/keys.h"
#include "object/object.h"
#include "placement/keys.h"

namespace glbc {
namespace {

using json::Value;

std::string with(std::string_view prefix, std::string_view key) {
  return std::string(prefix) + std::string(key);
}

// Others may hold the same key back: the annotation is a list.
void set_held(Value& ingress, const std::string& key, bool held) {
  std::string name = with(placement::kSoftFinalizers, key);
  std::string text = object::annotation(ingress, name);
  std::vector<std::string> holders;
  for (std::string_view one : split(text, ',')) {
    bool ours = trim(one) == kMigration;
    if (!trim(one).empty() && !ours) holders.emplace_back(trim(one));
  }
  if (held) holders.emplace_back(kMigration);
  if (holders.empty()) {
    object::remove_annotation(ingress, name);
  } else if (join(holders, ",") != text) {
    object::set_annotation(ingress, name, join(holders, ","));
  }
}

std::vector<std::string> keys_annotated(const Value& object, std::string_view prefix) {
  std::vector<std::string> keys;
  for (const auto& annotation : object.at("metadata", "annotations").members()) {
    if (annotation.key.starts_with(prefix)) keys.push_back(annotation.key.substr(prefix.size()));
  }
  return keys;
}

// What stays behind of keys that the Ingress is not meant for any more.
void forget_others(Value& object, const Candidates& candidates) {
  for (const std::string& key : keys_annotated(object, kDeleteAt)) {
    if (!candidates.leaving.contains(key)) object::remove_annotation(object, with(kDeleteAt, key));
  }
}

}  // namespace

std::optional<TimePoint> apply_moves(Value& ingress, Value& record, const Value& present,
                                     const Candidates& candidates, TimePoint now) {
  forget_others(ingress, candidates);
  forget_others(record, candidates);
  for (const std::string& key : candidates.here) set_held(ingress, key, true);
  Duration grace = std::chrono::seconds(2 * max_ttl_of(record));
  auto before = published_in(present), after = published_in(record);
  std::optional<TimePoint> next;
  for (const std::string& key : candidates.leaving) {
    std::string name = with(kDeleteAt, key);
    auto is_named = [&](const std::vector<Address>& in) {
      return std::ranges::find(in, key, &Address::key) != in.end();
    };
    bool forgotten = !is_named(before) && !is_named(after) && is_observed(present);
    if (!forgotten && !candidates.here.empty()) {
      set_held(ingress, key, true);
      object::remove_annotation(ingress, name);
      object::remove_annotation(record, name);
      continue;
    }
    // A time that can not be read, or is further away than any that is written here, starts again.
    auto when = parse_seconds(object::annotation(record, name));
    bool valid = when && *when <= now + grace + 1s;
    if (!valid) {
      object::set_annotation(record, name, print_seconds(now + grace));
      when = parse_seconds(object::annotation(record, name));
    }
    bool due = valid && *when <= now;
    set_held(ingress, key, !due);
    object::set_annotation(ingress, name, object::annotation(record, name));
    if (!due && when) next = next ? std::min(*next, *when) : *when;
  }
  return next;
}

void lift_all(Value& ingress) {
  for (const std::string& key : keys_annotated(ingress, placement::kSoftFinalizers)) {
    set_held(ingress, key, false);
  }
  for (const std::string& key : keys_annotated(ingress, kDeleteAt)) {
    object::remove_annotation(ingress, with(kDeleteAt, key));
  }
}

}  // namespace glbc
