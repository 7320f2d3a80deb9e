#include "apply/managers.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "base/clock.h"
#include "base/strings.h"

namespace apply {
namespace {

using json::Value;

constexpr std::string_view kAncient = "ancient-changes";
constexpr std::size_t kMaxName = 128, kMaxSubresource = 256;
constexpr std::size_t kMaxManagers = 1'000;  // so that looking for one is no work

Result<Manager> read_entry(const Value& entry) {
  Manager manager;
  manager.name = entry["manager"].str();
  std::string_view operation = entry["operation"].as_string();
  manager.applies = operation == "Apply";
  manager.api_version = entry["apiVersion"].str();
  manager.subresource = entry["subresource"].str();
  auto time = parse_time(entry["time"].as_string());
  if (time) manager.time = format_time(*time);
  bool valid = (manager.applies || operation == "Update") &&
               entry["fieldsType"].as_string() == "FieldsV1" && !manager.api_version.empty() &&
               manager.name.size() <= kMaxName && manager.subresource.size() <= kMaxSubresource &&
               (time || entry["time"].as_string().empty());
  if (!valid) return std::unexpected(Error::bad_request("not an entry of managedFields"));
  auto fields = parse_fields(entry["fieldsV1"]);
  if (!fields) return std::unexpected(std::move(fields.error()));
  manager.fields = std::move(*fields);
  return manager;
}

Value print_entry(const Manager& manager) {
  Value entry = Value::object();
  entry.set("manager", manager.name).set("operation", manager.applies ? "Apply" : "Update");
  entry.set("apiVersion", manager.api_version);
  if (!manager.time.empty()) entry.set("time", manager.time);
  entry.set("fieldsType", "FieldsV1").set("fieldsV1", print_fields(manager.fields));
  if (!manager.subresource.empty()) entry.set("subresource", manager.subresource);
  return entry;
}

// All times are in UTC and of the same length, so that as texts they are in order.
auto by_age(const Manager& manager) {
  return std::tie(manager.time, manager.name, manager.api_version, manager.subresource);
}

Value without_times(Value managed_fields) {
  for (Value& entry : managed_fields.edit_elements()) entry.erase("time");
  return managed_fields;
}

}  // namespace

std::string Manager::shown() const {
  std::string text = quote(name);
  if (!subresource.empty()) text += " with subresource " + quote(subresource);
  if (!applies) text += " using " + api_version;
  return text;
}

Result<Managers> Managers::read(const json::Value& managed_fields) {
  if (managed_fields.size() > kMaxManagers) {
    return std::unexpected(Error::bad_request("there are too many entries in managedFields"));
  }
  Managers managers;
  for (const Value& entry : managed_fields.elements()) {
    auto manager = read_entry(entry);
    if (!manager) return std::unexpected(std::move(manager.error()));
    managers.set(std::move(*manager));
  }
  return managers;
}

json::Value Managers::print() const {
  if (all_.empty()) return {};
  std::vector<const Manager*> sorted;
  for (const Manager& manager : all_) sorted.push_back(&manager);
  std::ranges::sort(sorted, [](const Manager* a, const Manager* b) {
    return a->applies != b->applies ? a->applies : by_age(*a) < by_age(*b);
  });
  std::vector<Value> entries;
  for (const Manager* manager : sorted) entries.push_back(print_entry(*manager));
  return Value::array(std::move(entries));
}

Manager* Managers::find(const Manager& identity) {
  auto place =
      std::ranges::find_if(all_, [&](const Manager& manager) { return manager.is(identity); });
  return place == all_.end() ? nullptr : &*place;
}

void Managers::set(Manager manager) {
  if (Manager* present = find(manager)) {
    *present = std::move(manager);
  } else {
    all_.push_back(std::move(manager));
  }
}

void Managers::drop_empty() {
  std::erase_if(all_, [](const Manager& manager) { return manager.fields.empty(); });
}

void Managers::cap_updates(std::size_t max) {
  auto is_update = [](const Manager& manager) { return !manager.applies; };
  if (static_cast<std::size_t>(std::ranges::count_if(all_, is_update)) <= max) return;
  std::vector<Manager> updates;
  for (Manager& manager : all_) {
    if (!manager.applies) updates.push_back(std::move(manager));
  }
  std::erase_if(all_, is_update);
  // Of those of one second, as Kubernetes orders them: sub-resources come first.
  std::ranges::sort(updates, [](const Manager& a, const Manager& b) {
    auto order = [](const Manager& one) {
      return std::tuple(std::string_view(one.time), std::string_view(one.name),
                        std::string_view(one.api_version), one.subresource.empty(),
                        std::string_view(one.subresource));
    };
    return order(a) < order(b);
  });
  std::size_t left = updates.size();
  std::map<std::string, Manager*> buckets;  // by version; its oldest until it takes another in
  std::vector<bool> merged(updates.size(), false);
  for (std::size_t i = 0; i < updates.size() && left > max; ++i) {
    Manager& manager = updates[i];
    auto [place, first] = buckets.try_emplace(manager.api_version, &manager);
    if (first) continue;
    Manager& bucket = *place->second;
    bucket.name = kAncient;
    bucket.subresource.clear();
    bucket.fields = FieldSet::unite(bucket.fields, manager.fields);
    bucket.time = manager.time;  // the newer one
    merged[i] = true;
    --left;
  }
  for (std::size_t i = 0; i < updates.size(); ++i) {
    if (!merged[i]) all_.push_back(std::move(updates[i]));
  }
}

json::Value with_new_time(const json::Value& managed_fields, const Manager& self,
                          const FieldSet& set, const FieldSet& removed) {
  if (managed_fields.empty()) return {};
  // Entries are in the order of their times, so the one with the newest is the last.
  std::size_t last = managed_fields.size() - 1;
  for (std::size_t i = 0; i < last; ++i) {
    const Value& entry = managed_fields[i];
    bool sure = entry["apiVersion"].as_string() == self.api_version &&
                (entry["operation"].as_string() == "Apply" ||
                 entry["time"].as_string() < std::string_view(self.time)) &&
                !may_touch(entry["fieldsV1"], set) && !may_touch(entry["fieldsV1"], removed);
    if (!sure) return {};
  }
  const Value& own = managed_fields[last];
  bool is_own = own["manager"].as_string() == self.name &&
                own["operation"].as_string() == "Update" &&
                own["apiVersion"].as_string() == self.api_version &&
                own["subresource"].as_string() == self.subresource;
  bool same = is_own && !set.empty() && has_all(own["fieldsV1"], set) &&
              !may_touch(own["fieldsV1"], removed);
  if (!same) return {};
  Value renewed = managed_fields;
  if (!self.time.empty()) renewed.edit_element(last).set("time", self.time);
  return renewed;
}

void keep_times(const json::Value& before, json::Value& after) {
  const Value& kept = before.at("metadata", "managedFields");
  const Value& given = after.at("metadata", "managedFields");
  if (kept == given || without_times(kept) != without_times(given)) return;
  Value same = after;
  same.edit("metadata").set("managedFields", kept);
  if (same == before) after = std::move(same);
}

}  // namespace apply
