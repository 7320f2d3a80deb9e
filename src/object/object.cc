#include "object/object.h"

#include <algorithm>

namespace object {
namespace {

void set_entry(json::Value& object, const char* map, std::string_view key, std::string_view value) {
  object.edit("metadata", map).set(key, value);
}

void remove_entry(json::Value& object, const char* map, std::string_view key) {
  if (!object.at("metadata", map).contains(key)) return;
  json::Value& entries = object.edit("metadata", map);
  entries.erase(key);
  if (entries.empty()) object.edit("metadata").erase(map);
}

const json::Value* find_condition(const json::Value& object, std::string_view type) {
  for (const json::Value& one : object.at("status", "conditions").elements()) {
    if (one["type"].as_string() == type) return &one;
  }
  return nullptr;
}

}  // namespace

Result<GroupVersion> parse_group_version(std::string_view text) {
  std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return GroupVersion{"", std::string(text)};
  if (text.find('/', slash + 1) != std::string_view::npos) {
    return std::unexpected(
        Error::bad_request("unexpected GroupVersion string: " + std::string(text)));
  }
  return GroupVersion{std::string(text.substr(0, slash)), std::string(text.substr(slash + 1))};
}

std::string name(const json::Value& object) { return object.at("metadata", "name").str(); }
std::string ns(const json::Value& object) { return object.at("metadata", "namespace").str(); }
std::string uid(const json::Value& object) { return object.at("metadata", "uid").str(); }
std::string resource_version(const json::Value& object) {
  return object.at("metadata", "resourceVersion").str();
}
std::int64_t generation(const json::Value& object) {
  return object.at("metadata", "generation").as_int();
}
bool is_deleting(const json::Value& object) {
  return object.at("metadata", "deletionTimestamp").is_string();
}
std::string label(const json::Value& object, std::string_view key) {
  return object.at("metadata", "labels")[key].str();
}
std::string annotation(const json::Value& object, std::string_view key) {
  return object.at("metadata", "annotations")[key].str();
}
bool has_label(const json::Value& object, std::string_view key) {
  return object.at("metadata", "labels").contains(key);
}
bool has_annotation(const json::Value& object, std::string_view key) {
  return object.at("metadata", "annotations").contains(key);
}

std::vector<std::string> finalizers(const json::Value& object) {
  std::vector<std::string> all;
  for (const json::Value& one : object.at("metadata", "finalizers").elements()) {
    all.push_back(one.str());
  }
  return all;
}

bool has_finalizer(const json::Value& object, std::string_view finalizer) {
  return std::ranges::any_of(object.at("metadata", "finalizers").elements(),
                             [&](const json::Value& one) { return one.as_string() == finalizer; });
}

void set_label(json::Value& object, std::string_view key, std::string_view value) {
  set_entry(object, "labels", key, value);
}
void remove_label(json::Value& object, std::string_view key) {
  remove_entry(object, "labels", key);
}
void set_annotation(json::Value& object, std::string_view key, std::string_view value) {
  set_entry(object, "annotations", key, value);
}
void remove_annotation(json::Value& object, std::string_view key) {
  remove_entry(object, "annotations", key);
}

bool add_finalizer(json::Value& object, std::string_view finalizer) {
  if (has_finalizer(object, finalizer)) return false;
  object.edit("metadata", "finalizers").push_back(finalizer);
  return true;
}

bool remove_finalizer(json::Value& object, std::string_view finalizer) {
  if (!has_finalizer(object, finalizer)) return false;
  std::vector<json::Value> rest;
  for (const json::Value& one : object.at("metadata", "finalizers").elements()) {
    if (one.as_string() != finalizer) rest.push_back(one);
  }
  if (rest.empty()) {
    object.edit("metadata").erase("finalizers");
  } else {
    object.edit("metadata", "finalizers") = json::Value::array(std::move(rest));
  }
  return true;
}

json::Value make(std::string_view api_version, std::string_view kind, std::string_view name,
                 std::string_view ns) {
  json::Value metadata = json::Value::object({{"name", name}});
  if (!ns.empty()) metadata.set("namespace", ns);
  return json::Value::object(
      {{"apiVersion", api_version}, {"kind", kind}, {"metadata", std::move(metadata)}});
}

json::Value owner_reference(const json::Value& owner, bool controller) {
  json::Value reference = json::Value::object({{"apiVersion", owner["apiVersion"]},
                                               {"kind", owner["kind"]},
                                               {"name", name(owner)},
                                               {"uid", uid(owner)}});
  if (controller) reference.set("controller", true).set("blockOwnerDeletion", true);
  return reference;
}

std::optional<Condition> condition(const json::Value& object, std::string_view type) {
  const json::Value* one = find_condition(object, type);
  if (!one) return {};
  return Condition{(*one)["type"].str(), (*one)["status"].str(), (*one)["reason"].str(),
                   (*one)["message"].str(), (*one)["severity"].str()};
}

bool is_true(const json::Value& object, std::string_view type) {
  const json::Value* one = find_condition(object, type);
  return one && (*one)["status"].as_string() == "True";
}

bool set_condition(json::Value& object, const Condition& condition, TimePoint now) {
  json::Value wanted = json::Value::object();
  const json::Value* present = find_condition(object, condition.type);
  bool moved = !present || (*present)["status"].as_string() != condition.status;
  wanted.set("type", condition.type).set("status", condition.status);
  if (!condition.severity.empty()) wanted.set("severity", condition.severity);
  wanted.set("lastTransitionTime",
             moved ? json::Value(format_time(now)) : (*present)["lastTransitionTime"]);
  if (!condition.reason.empty()) wanted.set("reason", condition.reason);
  if (!condition.message.empty()) wanted.set("message", condition.message);
  if (present && *present == wanted) return false;

  json::Value& list = object.edit("status", "conditions");
  for (json::Value& one : list.edit_elements()) {
    if (one["type"].as_string() == condition.type) {
      one = std::move(wanted);
      return true;
    }
  }
  list.push_back(std::move(wanted));
  return true;
}

}  // namespace object
