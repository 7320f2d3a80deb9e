#include "placement/view.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/strings.h"
#include "json/patch.h"
#include "json/text.h"
#include "object/object.h"
#include "placement/intents.h"
#include "placement/keys.h"
#include "placement/status.h"

namespace placement {
namespace {

using json::Value;
using Intents = std::map<std::string, Intent>;

constexpr const char* kSummarizing = "experimental.summarizing.workload.kcp.io";
constexpr std::string_view kReportedStatus = "experimental.status.workload.kcp.io/";
constexpr std::size_t kMaxFields = 16;
constexpr std::size_t kMaxPatchOperations = 1000;

std::string with(std::string_view prefix, std::string_view key) {
  return std::string(prefix) + std::string(key);
}

// A field of which every target has a value of its own.
struct Field {
  std::string text;  // "spec.clusterIP"
  std::vector<std::string> path;
  bool promote = true;  // with one target its value is the object's

  bool is_status() const { return path.front() == "status"; }
};

std::optional<Field> parse_field(const Value& from) {
  Field field;
  field.text = from["fieldPath"].str();
  for (std::string_view part : split(field.text, '.')) field.path.emplace_back(part);
  const Value* promote = from.find("promoteToUpstream");
  if (!promote) promote = from.find("PromoteToUpstream");
  field.promote = promote && promote->as_bool();
  bool allowed = field.text == "status" || field.text.starts_with("status.") ||
                 (field.text.starts_with("spec.") && field.path.size() <= 8);
  if (!allowed || std::ranges::count(field.path, "") > 0) return std::nullopt;
  return field;
}

// As the object's annotation says; the status alone if it says nothing that can be understood.
std::vector<Field> summarized_fields(const Value& object) {
  std::vector<Field> fields;
  auto list = json::parse(object::annotation(object, kSummarizing));
  for (const Value& one : list ? list->elements() : std::span<const Value>()) {
    auto field = parse_field(one);
    if (field && fields.size() < kMaxFields) fields.push_back(std::move(*field));
  }
  if (fields.empty()) fields.push_back({"status", {"status"}, true});
  return fields;
}

const Value* find_at(const Value& object, const Field& field) {
  const Value* at = &object;
  for (const std::string& name : field.path) {
    at = at->find(name);
    if (!at) return nullptr;
  }
  return at;
}

void set_at(Value& object, const Field& field, Value value) {
  Value* at = &object;
  for (const std::string& name : field.path) at = &at->edit(name);
  *at = std::move(value);
}

void erase_at(Value& object, const Field& field) {
  if (!find_at(object, field)) return;
  Value* at = &object;
  for (std::size_t i = 0; i + 1 < field.path.size(); ++i) at = &at->edit(field.path[i]);
  at->erase(field.path.back());
}

// What `key` reported: field -> value or kPromoted.
Value reported_by(const Value& object, std::string_view key) {
  auto values = json::parse(object::annotation(object, with(kView, key)));
  return values && values->is_object() ? *values : Value::object();
}

void remember(Value& object, std::string_view key, const Value& values) {
  if (values.empty()) {
    object::remove_annotation(object, with(kView, key));
  } else {
    object::set_annotation(object, with(kView, key), json::print(values));
  }
}

bool is_promoted(const Value& value) { return value.as_string() == kPromoted; }

bool is_anothers(std::string_view entry, std::string_view prefix, std::string_view key) {
  return entry.starts_with(prefix) && entry.substr(prefix.size()) != key;
}

void hide_other_targets(Value& object, std::string_view key) {
  std::vector<std::string> labels, annotations;
  for (const auto& label : object.at("metadata", "labels").members()) {
    if (is_anothers(label.key, kStateLabel, key)) labels.push_back(label.key);
  }
  for (const auto& annotation : object.at("metadata", "annotations").members()) {
    const std::string& name = annotation.key;
    bool hidden = name.starts_with(kView) || name.starts_with(kReportedStatus) ||
                  is_anothers(name, kDeletion, key) || is_anothers(name, kSoftFinalizers, key) ||
                  is_anothers(name, kSpecDiff, key) || name == kProblem;
    if (hidden) annotations.push_back(name);
  }
  for (const std::string& name : labels) object::remove_label(object, name);
  for (const std::string& name : annotations) object::remove_annotation(object, name);
}

// The problem, if there is one.
std::string apply_spec_diff(Value& object, std::string_view key) {
  std::string text = object::annotation(object, with(kSpecDiff, key));
  if (text.empty()) return {};
  std::string name = with(kSpecDiff, key);
  auto patch = json::parse(text);
  if (!patch) return fmt::format("annotation {} is not JSON: {}", name, patch.error().message());
  auto spec = json::apply_json_patch(object["spec"], *patch, kMaxPatchOperations);
  if (!spec) {
    return fmt::format("annotation {} cannot be applied to spec: {}", name, spec.error().message());
  }
  object.set("spec", std::move(*spec));
  return {};
}

void show_own_values(Value& object, const Value& stored, std::string_view key) {
  Value values = reported_by(stored, key);
  for (const Field& field : summarized_fields(stored)) {
    const Value* value = values.find(field.text);
    if (value && !is_promoted(*value)) {
      set_at(object, field, *value);
    } else if (!value && field.promote) {
      erase_at(object, field);
    }
  }
}

// Several targets: values that were the object's own become those of the targets again.
void unpromote(Value& object, const Intents& intents) {
  for (const auto& [key, intent] : intents) {
    Value values = reported_by(object, key);
    bool changed = false;
    for (const Field& field : summarized_fields(object)) {
      if (!is_promoted(values[field.text])) continue;
      const Value* own = find_at(object, field);
      if (own) {
        values.set(field.text, *own);
      } else {
        values.erase(field.text);
      }
      changed = true;
    }
    if (changed) remember(object, key, values);
  }
}

// Several targets: the object's status tells of those that stay; while none of them has reported,
// of those that leave.
void show_summary(Value& object, const Intents& intents) {
  auto fields = summarized_fields(object);
  bool whole_status = std::ranges::any_of(
      fields, [](const Field& field) { return field.text == "status" && field.promote; });
  if (!whole_status) return;
  std::vector<Value> staying, leaving;
  for (const auto& [key, intent] : intents) {
    auto status = status_at(object, key);
    if (status) (intent.leaving() ? leaving : staying).push_back(std::move(*status));
  }
  Value summary = summarize_status(object, staying.empty() ? leaving : staying);
  if (summary.is_null()) {
    object.erase("status");
  } else {
    object.set("status", std::move(summary));
  }
}

// One target: its values become the object's own.
void promote(Value& object, std::string_view key) {
  Value values = reported_by(object, key);
  for (const Field& field : summarized_fields(object)) {
    const Value* value = values.find(field.text);
    if (!field.promote || (value && is_promoted(*value))) continue;
    if (value) {
      set_at(object, field, *value);
      values.set(field.text, kPromoted);
    } else if (field.is_status()) {
      erase_at(object, field);
    }
  }
  remember(object, key, values);
}

Value released(Value object, std::string_view key, Intents intents) {
  unpromote(object, intents);
  forget(object, key);
  intents.erase(std::string(key));
  if (object::is_deleting(object)) return object;
  if (intents.size() > 1) {
    show_summary(object, intents);
  } else if (intents.size() == 1) {
    promote(object, intents.begin()->first);
  } else {
    for (const Field& field : summarized_fields(object)) {
      if (field.promote && field.is_status()) erase_at(object, field);
    }
  }
  return object;
}

void store_values(Value& object, const Value& view, std::string_view key, Part part, bool alone) {
  Value values = reported_by(object, key);
  for (const Field& field : summarized_fields(object)) {
    if (field.is_status() != (part == Part::Status)) continue;
    const Value* value = find_at(view, field);
    if (value && is_promoted(*value)) value = nullptr;  // not for syncers to say
    bool own = field.promote && alone;
    if (!value) {
      values.erase(field.text);
      if (own) erase_at(object, field);
    } else if (own) {
      set_at(object, field, *value);
      values.set(field.text, kPromoted);
    } else {
      values.set(field.text, *value);
    }
  }
  remember(object, key, values);
}

Error stale(const Value& stored) {
  return Error::conflict(
      "", lower(stored["kind"].as_string()), object::name(stored),
      "the object has been modified; please apply your changes to the latest version and try "
      "again");
}

}  // namespace

Value view_of(const Value& stored, std::string_view key, std::string_view workspace_url) {
  Value view = stored;
  Value& metadata = view.edit("metadata");
  for (const char* field :
       {"finalizers", "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields"}) {
    metadata.erase(field);
  }
  std::string problem = apply_spec_diff(view, key);
  hide_other_targets(view, key);
  show_own_values(view, stored, key);
  std::string finalizer = with(kSyncerFinalizer, key);
  if (object::has_finalizer(stored, finalizer)) object::add_finalizer(view, finalizer);

  auto intents = intents_of(stored);
  auto mine = intents.find(std::string(key));
  if (mine != intents.end() && mine->second.leaving() && mine->second.soft_finalizers.empty()) {
    if (auto time = parse_time(mine->second.deletion)) {
      view.edit("metadata").set("deletionTimestamp", format_time(*time));
    } else {
      problem = fmt::format("annotation {} is not a time", with(kDeletion, key));
    }
  }
  object::set_annotation(view, kWorkspaceUrl, workspace_url);
  if (!problem.empty()) object::set_annotation(view, kProblem, problem);
  return view;
}

Result<Value> apply_view(const Value& stored, const Value& view, std::string_view key, Part part) {
  std::string version = object::resource_version(view), uid = object::uid(view);
  bool other_version = !version.empty() && version != object::resource_version(stored);
  bool other_object = !uid.empty() && uid != object::uid(stored);
  if (other_version || other_object) return std::unexpected(stale(stored));

  Intents intents = intents_of(stored);
  auto mine = intents.find(std::string(key));
  if (mine == intents.end() || mine->second.state != kSync) {
    return std::unexpected(
        Error::not_found("", lower(stored["kind"].as_string()), object::name(stored)));
  }
  std::string finalizer = with(kSyncerFinalizer, key);
  bool keeps = object::has_finalizer(view, finalizer) &&
               (part == Part::Main || object::has_finalizer(stored, finalizer));
  const Intent& intent = mine->second;
  bool leaving =
      intent.soft_finalizers.empty() && intent.leaving() && parse_time(intent.deletion).has_value();
  if (leaving && !keeps && part == Part::Main) return released(stored, key, std::move(intents));
  if (!keeps) {
    return std::unexpected(Error::bad_request(
        fmt::format("metadata.finalizers must contain {}: a syncer takes an object over before it "
                    "reports, and lets it go when its deletion is asked for",
                    finalizer)));
  }
  Value object = stored;
  bool alone = intents.size() == 1;
  if (!alone) unpromote(object, intents);
  store_values(object, view, key, part, alone);
  if (!alone && part == Part::Status) show_summary(object, intents);
  if (part == Part::Main) object::add_finalizer(object, finalizer);
  return object;
}

}  // namespace placement
