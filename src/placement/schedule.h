// What the SyncTargets wanted by a namespace mean for its labels and for the objects in it: one
// step at a time, each safe to be repeated or left undone. New targets first: a target that is no
// longer wanted keeps its copies until another serves (make before break).
// Pure, thread-safe. Source: reference tmc.md 1.10, 2.7, 2.8, 9.2.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "json/value.h"
#include "object/object.h"
#include "object/selector.h"

namespace placement {

using Keys = std::set<std::string, std::less<>>;

// An object in the namespace, of a resource that is synced. What it points to must outlive it.
struct Content {
  object::Labels labels;
  Bytes text;  // its JSON, compact
  bool deleting = false;
  bool excluded = false;              // never synced (a service account's token)
  std::function<json::Value()> tree;  // parses it
};

// The keys of the state labels, sorted.
Keys state_keys(const object::Labels& labels);

// Whether an object may need a change in a namespace with these keys; told without a tree of it.
// False for the settled, which are nearly all.
bool needs_look(const Content& content, const Keys& active);

struct Situation {
  json::Value ns;
  std::vector<Content> content;
  Keys wanted;                                           // keys of known SyncTargets
  bool placed = false;                                   // a Placement selects the namespace
  std::function<bool(const std::string& key)> is_known;  // whether the SyncTarget exists
  TimePoint now;
  Duration patience = 10min;      // how long at most a takeover is waited for
  std::size_t max_changes = 200;  // of objects, in one step
};

struct Change {
  std::size_t index = 0;  // in Situation::content
  json::Value before;
  json::Value after;  // null = remove the object
};

struct Schedule {
  std::vector<Change> changes;  // to be made first
  json::Value ns;               // how it should be, once the changes are made
  std::optional<TimePoint> look_again_at;
};
Schedule schedule(const Situation& situation);

// NamespaceScheduled, as the namespace's labels and annotations have it.
object::Condition scheduled_condition(const json::Value& ns);

}  // namespace placement
