// FieldManager: what a write does to the owners of an object's fields, and server-side apply.
// Made for one request. Objects are whole ones, in the version of the request; "live" is the object
// as it is stored, or null for one that is not there. Pure; not thread-safe.
// Source: KEP-555, reference kube-apiserver.md 4.6 and 4.8.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "apply/managers.h"
#include "apply/typed.h"
#include "base/result.h"
#include "json/value.h"
#include "schema/node.h"

namespace apply {

// The schema of a version ("apps/v1") of the object's kind; null if it is not there any more.
using FindSchema = std::function<std::shared_ptr<const schema::Node>(std::string_view)>;

struct Write {
  std::string manager;      // who writes, at most 128 bytes
  std::string api_version;  // that the request speaks
  json::Value empty;        // an object of the kind with nothing in it
  std::string subresource;
  std::string time;    // now, RFC 3339; "" if the entry is to have none
  FieldSet ignored;    // what a write to this resource leaves as it is, with all below
  bool typed = false;  // a kind that Go has a struct for: [] then forgets managers, as [{}] does
  bool begins = true;  // whether objects that this write makes have managers from the start
};

class FieldManager {
 public:
  FieldManager(FindSchema schemas, Write write);

  // After any write but an apply: sets metadata.managedFields of `wanted`, the object as it will be
  // stored. What `wanted` brings there itself counts, [{}] as the wish to forget all; but not
  // through a sub-resource. An object that has no managers is left without. Never fails: where
  // owners cannot be told, they stay as they are; where they would take more than 1 MiB, there are
  // none.
  void track(const json::Value& live, json::Value& wanted) const;

  // `live` with what `config` says and without what this manager's last config said and nobody
  // owns, with its managedFields. Errors: BadRequest for a config of another version or with
  // managedFields; Unknown for one that the schema does not know; Conflict, with a cause for
  // each field, if others own what would change, unless `force`; RequestEntityTooLarge beyond
  // 100,000 values, or 1 MiB of managedFields.
  Result<json::Value> apply(const json::Value& live, const json::Value& config, bool force) const;

 private:
  // Fields of others that an apply would change.
  struct Conflict {
    Manager manager;
    FieldSet fields;
  };
  struct Applied {
    json::Value object;
    Managers managers;
    std::vector<Conflict> conflicts;  // if any, nothing else counts
  };

  Result<void> check(const json::Value& config) const;
  // What a write changes that it may change.
  Comparison difference(const json::Value& live, const json::Value& wanted,
                        const schema::Node& root) const;
  void update(const json::Value& live, const json::Value& wanted, Comparison change,
              Managers& managers, std::string_view name) const;
  // The entries after an update that gives nobody another field; null if it may.
  json::Value same_owners(const json::Value& held, const Comparison& change) const;
  // What others own of what differs, and takes it from them. `differences` are those that are known
  // already, by version.
  using Differences = std::map<std::string, std::optional<Comparison>>;
  std::vector<Conflict> take_over(const json::Value& live, const json::Value& wanted,
                                  Managers& managers, const Manager* self,
                                  Differences differences) const;
  Applied try_apply(const json::Value& live, const json::Value& config, Managers managers) const;
  json::Value prune(const json::Value& merged, const Managers& managers, const Manager& last) const;
  static std::vector<Conflict> without(std::vector<Conflict> conflicts, const FieldSet& allowed);
  static Error conflict_error(const std::vector<Conflict>& conflicts);
  FieldSet claimed_by_annotation(const json::Value& live) const;
  void fit(Managers& managers) const;
  Manager writer(std::string_view name, bool applies) const;
  FindSchema schemas_;
  Write write_;
  std::shared_ptr<const schema::Node> root_;  // of the request's version
};

}  // namespace apply
