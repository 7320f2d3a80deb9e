// The Registry over a Store and its Cache. One file per verb: create.cc, update.cc, apply.cc,
// remove.cc;
// what they share is here and in store_registry.cc.
#pragma once

#include <map>
#include <memory>

#include "apply/field_manager.h"
#include "registry/kind_table.h"
#include "registry/registry.h"

namespace registry {

class StoreRegistry final : public Registry {
 public:
  explicit StoreRegistry(Options options);

  KindTable& kinds() override { return kinds_; }
  cache::Cache& objects() override { return options_.cache; }
  storage::Store& store() override { return options_.store; }
  const Clock& clock() const override { return options_.clock; }
  void add_admission(std::shared_ptr<Admission> plugin) override;
  void add_rules(object::GroupResource kind, std::shared_ptr<Rules> rules) override;

  cache::ItemPtr get(const Call& call) override;
  Task<Written> create(const Call& call, json::Value object) override;
  Task<Written> update(const Call& call, Change change, bool allow_create) override;
  Task<Written> apply(const Call& call, json::Value config, ApplyOptions options) override;
  Task<Deleted> remove(const Call& call, const DeleteOptions& options) override;
  Task<storage::CommitResult> commit_raw(storage::Transaction transaction) override;
  Bytes encode(const json::Value& object) const override;
  json::Value decode(const cache::Item& item, const Call& call) const override;

 private:
  static cache::Key key_of(const Call& call) { return {call.cluster, call.ns, call.name}; }
  static std::string storage_key_of(const Call& call) {
    return cache::storage_key(call.kind->table(), key_of(call));
  }
  cache::ItemPtr find(const Call& call);
  static Error not_found(const Call& call);

  // Throws RequestEntityTooLarge if defaults make too much of the object.
  static void apply_defaults(const Call& call, json::Value& object);
  // Removes what the schema does not name; answers by the call's field validation.
  static void prune(const Call& call, json::Value& object, std::vector<std::string>& warnings);
  Task<> mutate(const Call& call, json::Value& object, const json::Value& before);
  Task<> validate(const Call& call, const json::Value& object, const json::Value& before);
  void check_namespace(const Call& call);
  // The item that a commit at `revision` made of `bytes`.
  static cache::ItemPtr item_of(const Call& call, const Bytes& bytes, std::uint64_t revision);
  // Sets apiVersion to the storage version's.
  static void to_storage_version(const Call& call, json::Value& object);

  // Whether metadata.managedFields is to be worked out, or has been.
  enum class Owners { Untold, Told };

  Task<std::optional<Written>> try_create(const Call& call, json::Value object, Owners owners);
  void prepare_create(const Call& call, json::Value& object) const;
  Task<Written> create_review(const Call& call, json::Value object);

  // One attempt; nothing if another write came first and the change may be tried again.
  Task<std::optional<Written>> try_update(const Call& call, const Change& change);
  json::Value merge_update(const Call& call, const json::Value& present, json::Value wanted) const;
  Task<std::optional<Written>> replace(const Call& call, cache::ItemPtr item,
                                       const json::Value& present, json::Value wanted,
                                       Owners owners);
  Task<std::optional<Written>> finish_update(const Call& call, cache::ItemPtr present,
                                             const json::Value& before, json::Value after,
                                             std::vector<std::string> warnings);

  Task<std::optional<Written>> try_apply(const Call& call, const json::Value& config,
                                         const ApplyOptions& options);
  Task<std::optional<Written>> create_applied(const Call& call, const json::Value& config,
                                              const ApplyOptions& options);
  apply::FieldManager field_manager(const Call& call) const;

  Task<std::optional<Deleted>> try_remove(const Call& call, const DeleteOptions& options);

  Options options_;
  LiveKindTable kinds_;
  std::vector<std::shared_ptr<Admission>> admission_;  // fixed once requests are served
  std::map<object::GroupResource, std::shared_ptr<Rules>> rules_;
};

// How often a write is tried: each lost attempt means that somebody else's write went through.
inline constexpr int kAttempts = 30;

// Throws BadRequest if a body says another name than the URL.
void check_name(const Call& call, const std::string& name);

// Whether writes of this kind count generations.
bool has_generation(const Kind& kind);

}  // namespace registry
