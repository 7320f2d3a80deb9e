#include "apply/field_manager.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "apply/last_applied.h"
#include "base/strings.h"
#include "json/size.h"
#include "object/object.h"

namespace apply {
namespace {

using json::Value;

constexpr std::size_t kMaxUpdates = 10;        // entries of managedFields with operation Update
constexpr std::size_t kMaxShownManagers = 20;  // in what is said of conflicts
constexpr std::string_view kBeforeFirstApply = "before-first-apply";
constexpr std::string_view kKubectl = "kubectl";  // moves from client-side to server-side apply

// Sets of paths are many times larger than what they are about, so both are bounded: what is beyond
// has no managers, and cannot be applied.
constexpr std::size_t kMaxValues = 100'000;
constexpr std::size_t kMaxManagedFields = std::size_t{1} << 20;

bool is_too_much(const Value& live, const Value& wanted) {
  return !json::has_at_most(live, kMaxValues) || !json::has_at_most(wanted, kMaxValues);
}

Error too_many_values() {
  return Error(Reason::RequestEntityTooLarge,
               fmt::format("the object has more than {} values, too many to tell who owns each; "
                           "write it by an update instead of an apply",
                           kMaxValues));
}

Error too_many_fields() {
  return Error(Reason::RequestEntityTooLarge,
               fmt::format("metadata.managedFields would be over {} KiB; forget managers that are "
                           "not needed any more by an update with managedFields: [{{}}]",
                           kMaxManagedFields >> 10));
}

// Nobody owns what identifies an object or what only the system sets.
const FieldSet& unowned() {
  static const auto* set = [] {
    auto* all = new FieldSet();
    FieldSet metadata;
    for (const char* name : {"name", "namespace", "creationTimestamp", "selfLink", "uid",
                             "clusterName", "generation", "managedFields", "resourceVersion"}) {
      metadata.add(Step::field(name), true);
    }
    all->add(Step::field("apiVersion"), true);
    all->add(Step::field("kind"), true);
    all->add(Step::field("metadata"), true, std::move(metadata));
    return all;
  }();
  return *set;
}

Value without_managers(Value object) {
  if (object.at("metadata").contains("managedFields")) {
    object.edit("metadata").erase("managedFields");
  }
  return object;
}

// An object may carry managers that are none, from a client that knew no better.
Managers managers_of(const Value& object) {
  return Managers::read(object.at("metadata", "managedFields")).value_or(Managers());
}

// [{}] wishes that all be forgotten. [] does where Kubernetes decodes into structs; elsewhere it is
// what clients send that do not know the field.
bool is_reset(const Value& managed_fields, bool typed) {
  if (typed && managed_fields.is_array() && managed_fields.empty()) return true;
  return managed_fields.size() == 1 && managed_fields[0].is_object() && managed_fields[0].empty();
}

// Null for none. They stand last, where they are in nobody's way.
void set_managed_fields(Value& object, Value managed_fields) {
  Value& metadata = object.edit("metadata");
  metadata.erase("managedFields");
  if (!managed_fields.is_null()) metadata.set("managedFields", std::move(managed_fields));
}

}  // namespace

FieldManager::FieldManager(FindSchema schemas, Write write)
    : schemas_(std::move(schemas)), write_(std::move(write)), root_(schemas_(write_.api_version)) {}

Manager FieldManager::writer(std::string_view name, bool applies) const {
  return {std::string(name), applies, write_.api_version, write_.subresource, write_.time, {}};
}

void FieldManager::fit(Managers& managers) const {
  for (Manager& manager : managers.all()) {
    auto schema = schemas_(manager.api_version);
    if (schema) manager.fields = fit_to_schema(manager.fields, *schema);
  }
}

Comparison FieldManager::difference(const Value& live, const Value& wanted,
                                    const schema::Node& root) const {
  Comparison found = compare(live, wanted, root);
  for (FieldSet* set : {&found.added, &found.removed, &found.modified}) {
    *set = FieldSet::subtract_trees(std::move(*set), write_.ignored);
    *set = FieldSet::subtract(std::move(*set), unowned());
  }
  return found;
}

std::vector<FieldManager::Conflict> FieldManager::take_over(const Value& live, const Value& wanted,
                                                            Managers& managers, const Manager* self,
                                                            Differences differences) const {
  std::vector<Conflict> conflicts;
  for (Manager& manager : managers.all()) {
    if (self && manager.is(*self)) continue;
    auto [place, first] = differences.try_emplace(manager.api_version);
    auto schema = first ? schemas_(manager.api_version) : nullptr;
    if (schema) place->second = difference(live, wanted, *schema);
    if (!place->second) {  // the version is not there any more, and nor is who wrote it
      manager.fields = {};
      continue;
    }
    FieldSet lost = FieldSet::intersect(manager.fields, place->second->set());
    manager.fields = FieldSet::subtract(manager.fields, lost);
    manager.fields = FieldSet::subtract(manager.fields, place->second->removed);
    if (!lost.empty()) conflicts.push_back({manager, std::move(lost)});
  }
  return conflicts;
}

void FieldManager::update(const Value& live, const Value& wanted, Comparison change,
                          Managers& managers, std::string_view name) const {
  bool is_first = managers.empty();
  FieldSet own = is_first ? std::move(change).set() : change.set();
  fit(managers);
  if (!is_first) {
    take_over(live, wanted, managers, nullptr, {{write_.api_version, std::move(change)}});
  }
  if (!own.empty()) {
    Manager self = writer(name, false);
    if (Manager* before = managers.find(self)) {
      own = FieldSet::unite(std::move(own), before->fields);
    }
    self.fields = std::move(own);
    managers.set(std::move(self));
  }
  managers.drop_empty();
  managers.cap_updates(kMaxUpdates);
}

json::Value FieldManager::same_owners(const Value& held, const Comparison& change) const {
  if (change.empty()) return held;
  return with_new_time(held, writer(write_.manager, false), change.set(), change.removed);
}

void FieldManager::track(const Value& live, Value& wanted) const {
  const Value brought = wanted.at("metadata", "managedFields");
  const Value held = live.at("metadata", "managedFields");
  bool is_new = live.is_null();
  bool counts = write_.subresource.empty() && !brought.is_null() && brought != held;
  if (counts && !is_new && is_reset(brought, write_.typed)) return set_managed_fields(wanted, {});
  Managers managers;
  if (counts) managers = managers_of(wanted);
  bool has_owners = !managers.empty() || (is_new ? write_.begins : !held.empty());
  bool is_told = root_ && has_owners && !is_too_much(live, wanted);
  if (!is_told) return set_managed_fields(wanted, held);

  Value before = is_new ? write_.empty : without_managers(live), after = without_managers(wanted);
  Comparison change = difference(before, after, *root_);
  if (managers.empty() && !is_new) {
    Value same = same_owners(held, change);
    if (!same.is_null()) return set_managed_fields(wanted, std::move(same));
    managers = managers_of(live);
  }
  if (!change.empty()) update(before, after, std::move(change), managers, write_.manager);
  Value printed = managers.print();
  bool fits = json::is_within(printed, kMaxManagedFields);
  set_managed_fields(wanted, fits ? std::move(printed) : Value());
}

Result<void> FieldManager::check(const Value& config) const {
  std::string version = config["apiVersion"].str();
  if (version != write_.api_version) {
    return std::unexpected(Error::bad_request(
        fmt::format("Incorrect version specified in apply patch. Specified patch version: {}, "
                    "expected: {}",
                    version, write_.api_version)));
  }
  if (!config.at("metadata", "managedFields").is_null()) {
    return std::unexpected(Error::bad_request("metadata.managedFields must be nil"));
  }
  std::string problem = check_config(config, *root_);
  if (problem.empty()) return {};
  std::string group = version.contains('/') ? version : "/" + version;
  return std::unexpected(Error(
      Reason::Unknown, fmt::format("failed to create typed patch object ({}/{}; {}, Kind={}): {}",
                                   object::ns(config), object::name(config), group,
                                   write_.empty["kind"].as_string(), problem)));
}

json::Value FieldManager::prune(const Value& merged, const Managers& managers,
                                const Manager& last) const {
  auto schema = schemas_(last.api_version);
  if (!schema) return merged;
  FieldSet before = with_named_parents(last.fields, *schema);
  Value pruned = remove_fields(merged, before, *schema);
  std::map<std::string, FieldSet> owned;  // by version
  for (const Manager& manager : managers.all()) {
    FieldSet& all = owned[manager.api_version];
    all = FieldSet::unite(all, manager.fields);
  }
  auto fields = [](const Value& object, const schema::Node& root) {
    return with_named_parents(fields_of(object, root), root);
  };
  for (const auto& [version, fields_owned] : owned) {
    auto root = schemas_(version);
    if (!root) continue;
    FieldSet kept = FieldSet::unite(fields(pruned, *root), with_named_parents(fields_owned, *root));
    pruned = remove_fields(merged, FieldSet::subtract(fields(merged, *root), kept), *root);
  }
  // What went with a container, and was not this manager's, comes back.
  FieldSet gone = FieldSet::subtract(fields(merged, *schema), fields(pruned, *schema));
  return remove_fields(merged, FieldSet::intersect(gone, before), *schema);
}

FieldManager::Applied FieldManager::try_apply(const Value& live, const Value& config,
                                              Managers managers) const {
  fit(managers);
  Value merged = merge(live, config, *root_);
  Manager self = writer(write_.manager, true);
  FieldSet own = FieldSet::subtract_trees(fields_of(config, *root_), write_.ignored);
  std::optional<Manager> last;
  if (const Manager* present = managers.find(self)) last = *present;
  bool drops = last && !FieldSet::subtract(last->fields, own).empty();
  if (drops) {
    self.fields = FieldSet::unite(own, unowned());  // these stay, whoever owns what is beside them
    managers.set(self);
    merged = prune(merged, managers, *last);
  }
  self.fields = FieldSet::subtract(own, unowned());
  if (merged == live) self.time = last ? last->time : "";  // nothing has happened
  managers.set(self);
  auto conflicts = take_over(live, merged, managers, &self, {});
  managers.drop_empty();
  return {std::move(merged), std::move(managers), std::move(conflicts)};
}

FieldSet FieldManager::claimed_by_annotation(const Value& live) const {
  Value config = last_applied(live);
  bool is_same_version = config["apiVersion"].as_string() == write_.api_version;
  if (!is_same_version) return {};
  Comparison change = compare(config, live, *root_);
  FieldSet claimed = FieldSet::subtract(fields_of(config, *root_), change.set());
  return FieldSet::subtract(claimed, change.removed);
}

std::vector<FieldManager::Conflict> FieldManager::without(std::vector<Conflict> conflicts,
                                                          const FieldSet& allowed) {
  for (Conflict& conflict : conflicts) {
    conflict.fields = FieldSet::subtract(conflict.fields, allowed);
  }
  std::erase_if(conflicts, [](const Conflict& conflict) { return conflict.fields.empty(); });
  return conflicts;
}

Error FieldManager::conflict_error(const std::vector<Conflict>& conflicts) {
  std::map<std::string, std::vector<std::string>> paths;  // by manager as shown
  std::size_t count = 0;
  for (const Conflict& conflict : conflicts) {
    count += conflict.fields.member_count();
    auto& all = paths[conflict.manager.shown()];
    if (paths.size() > kMaxShownManagers) break;
    for (std::string& path : shown_paths(conflict.fields)) all.push_back(std::move(path));
  }
  std::vector<Cause> causes;
  std::vector<std::string> lines;
  for (const auto& [manager, fields] : paths) {
    lines.push_back(fmt::format("conflicts with {}:", manager));
    for (const std::string& field : fields) {
      lines.push_back("- " + field);
      causes.push_back({"FieldManagerConflict", field, "conflict with " + manager});
    }
  }
  std::string message = fmt::format("Apply failed with {} conflicts: {}", count, join(lines, "\n"));
  if (count == 1 && causes.size() == 1) {
    message =
        fmt::format("Apply failed with 1 conflict: {}: {}", causes[0].message, causes[0].field);
  }
  return Error(Reason::Conflict, std::move(message), {}, std::move(causes));
}

Result<json::Value> FieldManager::apply(const Value& live, const Value& config, bool force) const {
  if (is_too_much(live, config)) return std::unexpected(too_many_values());
  if (auto checked = check(config); !checked) return std::unexpected(std::move(checked.error()));
  Managers managers = managers_of(live);
  Value present = without_managers(live);
  if (live.is_null()) {
    for (const char* field : {"apiVersion", "kind"}) present.set(field, write_.empty[field]);
  }
  if (!live.is_null() && managers.empty()) {
    update(write_.empty, present, difference(write_.empty, present, *root_), managers,
           kBeforeFirstApply);
  }
  Applied applied = try_apply(present, config, std::move(managers));
  bool is_kubectl = write_.manager == kKubectl;
  if (!force && !applied.conflicts.empty()) {
    FieldSet allowed = is_kubectl ? claimed_by_annotation(present) : FieldSet();
    auto conflicts = without(std::move(applied.conflicts), allowed);
    if (!conflicts.empty()) return std::unexpected(conflict_error(conflicts));
  }
  if (is_kubectl) renew_last_applied(applied.object, config);
  Value printed = applied.managers.print();
  if (!json::is_within(printed, kMaxManagedFields)) return std::unexpected(too_many_fields());
  set_managed_fields(applied.object, std::move(printed));
  return std::move(applied.object);
}

}  // namespace apply
