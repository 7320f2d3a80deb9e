#include <fmt/format.h>

#include "registry/store_registry.h"

namespace registry {
namespace {

void check_preconditions(const Call& call, const DeleteOptions& options, const cache::Item& item) {
  auto refuse = [&](std::string_view what, std::string_view wanted, std::string_view present) {
    return Error::conflict(call.kind->group, call.kind->plural, call.name,
                           fmt::format("Precondition failed: {0} in precondition: {1}, {0} in "
                                       "object meta: {2}",
                                       what, wanted, present));
  };
  if (!options.precondition_uid.empty() && options.precondition_uid != item.uid()) {
    throw refuse("UID", options.precondition_uid, item.uid());
  }
  std::string revision = std::to_string(item.revision());
  if (!options.precondition_resource_version.empty() &&
      options.precondition_resource_version != revision) {
    throw refuse("ResourceVersion", options.precondition_resource_version, revision);
  }
}

// The garbage collector's finalizers follow from the options; all others stay.
void settle_finalizers(json::Value& object, const DeleteOptions& options) {
  if (options.propagation_policy.empty()) return;
  object::remove_finalizer(object, "orphan");
  object::remove_finalizer(object, "foregroundDeletion");
  if (options.propagation_policy == "Orphan") object::add_finalizer(object, "orphan");
  if (options.propagation_policy == "Foreground") {
    object::add_finalizer(object, "foregroundDeletion");
  }
}

}  // namespace

Task<Deleted> StoreRegistry::remove(const Call& call, const DeleteOptions& options) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (auto deleted = co_await try_remove(call, options)) co_return std::move(*deleted);
  }
  throw Error::conflict(call.kind->group, call.kind->plural, call.name,
                        "the object has been modified; please try again");
}

Task<std::optional<Deleted>> StoreRegistry::try_remove(const Call& call,
                                                       const DeleteOptions& options) {
  auto item = get(call);
  check_preconditions(call, options, *item);
  Call storage_call = call;
  storage_call.version = &call.kind->storage_version();
  json::Value before = decode(*item, storage_call);
  before.edit("metadata").erase("resourceVersion");
  for (const auto& plugin : admission_) co_await plugin->validate(call, {}, before);

  json::Value after = before;
  settle_finalizers(after, options);
  if (call.kind->rules) call.kind->rules->on_delete(call, after);
  bool finalizing = !object::finalizers(after).empty() || !after.at("spec", "finalizers").empty();
  storage::Transaction transaction;
  transaction.compares.push_back({storage_key_of(call), storage::Revision{item->revision()}});
  if (!finalizing) {
    transaction.writes.push_back({storage_key_of(call), std::nullopt});
    if (call.kind->rules) {
      for (auto& write : call.kind->rules->also_remove(call, after)) {
        transaction.writes.push_back(std::move(write));
      }
    }
    if (call.dry_run) co_return Deleted{item, false};
    auto result = co_await options_.store.commit(std::move(transaction));
    if (!result.committed) co_return std::nullopt;
    co_return Deleted{item, false};
  }
  if (!object::is_deleting(after)) {
    after.edit("metadata").set("deletionTimestamp", format_time(options_.clock.now()));
    after.edit("metadata").set("deletionGracePeriodSeconds", 0);
    if (object::generation(after) > 0) {
      after.edit("metadata").set("generation", object::generation(after) + 1);
    }
  }
  if (after == before || call.dry_run) co_return Deleted{item, true};
  Bytes bytes = encode(after);
  transaction.writes.push_back({storage_key_of(call), bytes});
  auto result = co_await options_.store.commit(std::move(transaction));
  if (!result.committed) co_return std::nullopt;
  co_return Deleted{item_of(call, bytes, storage::number(result.of(0))), true};
}

}  // namespace registry
