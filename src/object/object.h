// Objects as trees: reading and writing the common metadata, group/version/kind, owner references,
// conditions. Functions over json::Value, because kinds are data. Pure, thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "json/value.h"

namespace object {

struct GroupVersion {
  std::string group;
  std::string version;
  std::string text() const { return group.empty() ? version : group + "/" + version; }
  friend bool operator==(const GroupVersion&, const GroupVersion&) = default;
};
// "v1" or "apps/v1".
Result<GroupVersion> parse_group_version(std::string_view text);

struct GroupResource {
  std::string group;
  std::string resource;
  std::string text() const { return group.empty() ? resource : resource + "." + group; }
  friend auto operator<=>(const GroupResource&, const GroupResource&) = default;
};

// Readers; "" or null where the member is missing.
std::string name(const json::Value& object);
std::string ns(const json::Value& object);
std::string uid(const json::Value& object);
std::string resource_version(const json::Value& object);
std::int64_t generation(const json::Value& object);
bool is_deleting(const json::Value& object);
std::string label(const json::Value& object, std::string_view key);
std::string annotation(const json::Value& object, std::string_view key);
bool has_label(const json::Value& object, std::string_view key);
bool has_annotation(const json::Value& object, std::string_view key);
std::vector<std::string> finalizers(const json::Value& object);
bool has_finalizer(const json::Value& object, std::string_view finalizer);

// Writers. Removing the last entry of a map or list removes the member.
void set_label(json::Value& object, std::string_view key, std::string_view value);
void remove_label(json::Value& object, std::string_view key);
void set_annotation(json::Value& object, std::string_view key, std::string_view value);
void remove_annotation(json::Value& object, std::string_view key);
bool add_finalizer(json::Value& object, std::string_view finalizer);     // whether it changed
bool remove_finalizer(json::Value& object, std::string_view finalizer);  // whether it changed

// A new object with apiVersion, kind and metadata.name (and namespace unless "").
json::Value make(std::string_view api_version, std::string_view kind, std::string_view name,
                 std::string_view ns = {});
// An owner reference to `owner` with controller and blockOwnerDeletion as given.
json::Value owner_reference(const json::Value& owner, bool controller);

struct Condition {
  std::string type;
  std::string status;  // "True", "False", "Unknown"
  std::string reason;
  std::string message;
  std::string severity = {};  // kcp's conditions have one; left out when empty
};
// status.conditions[type], or nothing.
std::optional<Condition> condition(const json::Value& object, std::string_view type);
bool is_true(const json::Value& object, std::string_view type);
// Sets it; lastTransitionTime moves only when the status changes. Returns whether anything changed.
bool set_condition(json::Value& object, const Condition& condition, TimePoint now);

}  // namespace object
