// Managers: who owns which fields of an object, as metadata.managedFields says. Values; pure.
// Source: reference kube-apiserver.md 4.6 "managedFields entry".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apply/field_set.h"
#include "base/result.h"
#include "json/value.h"

namespace apply {

struct Manager {
  std::string name;
  bool applies = false;     // operation Apply, else Update
  std::string api_version;  // that `fields` are in
  std::string subresource;
  std::string time;  // RFC 3339 in UTC; "" if nobody knows
  FieldSet fields;

  // Whether both are the same manager: one who applies does so in any version.
  bool is(const Manager& other) const {
    return name == other.name && applies == other.applies && subresource == other.subresource &&
           (applies || api_version == other.api_version);
  }
  // As messages name it: "kubectl" with subresource "status" using apps/v1.
  std::string shown() const;
};

class Managers {
 public:
  // Of metadata.managedFields, or why they cannot be used. Null and [] have no managers.
  static Result<Managers> read(const json::Value& managed_fields);
  // In the order of the API: who applies first, then by time. Null if there is nobody.
  json::Value print() const;

  std::vector<Manager>& all() { return all_; }
  const std::vector<Manager>& all() const { return all_; }
  bool empty() const { return all_.empty(); }
  Manager* find(const Manager& identity);
  // Replaces the fields of the manager, or adds it.
  void set(Manager manager);
  void drop_empty();
  // Merges those whose updates are the longest ago until at most `max` have operation Update.
  void cap_updates(std::size_t max);

 private:
  std::vector<Manager> all_;
};

// The managedFields after `self` has set and removed what is given, if that is no news to them but
// for the time: `self` has updated the same fields before, and nobody else has any of them. Null if
// that is not so, or not sure.
json::Value with_new_time(const json::Value& managed_fields, const Manager& self,
                          const FieldSet& set, const FieldSet& removed);

// Puts the managedFields of `before` into `after` if nothing else differs between the two objects
// than the times in them: such a write is none.
void keep_times(const json::Value& before, json::Value& after);

}  // namespace apply
