#include <fmt/format.h>

#include "base/strings.h"
#include "object/names.h"
#include "registry/store_registry.h"

namespace registry {
namespace {

constexpr std::string_view kModified =
    "the object has been modified; please apply your changes to the latest version and try again";

// Whether anything but metadata and status differs.
bool spec_differs(const json::Value& a, const json::Value& b, bool has_status) {
  json::Value left = a, right = b;
  for (json::Value* one : {&left, &right}) {
    one->erase("metadata");
    one->erase("apiVersion");
    if (has_status) one->erase("status");
  }
  return left != right;
}

void check_identity(const Call& call, const json::Value& present, const json::Value& wanted) {
  check_name(call, object::name(wanted));
  std::string ns = object::ns(wanted);
  if (call.kind->namespaced && !ns.empty() && ns != call.ns) {
    throw Error::bad_request(
        "the namespace of the provided object does not match the namespace sent on the request");
  }
  std::string uid = object::uid(wanted);
  if (!uid.empty() && uid != object::uid(present) && call.verb == "patch") {
    throw Error::invalid(call.kind->group, call.kind->kind, call.name,
                         {object::invalid_value("metadata.uid", uid, "field is immutable")});
  }
  if (!uid.empty() && uid != object::uid(present)) {
    throw Error::conflict(call.kind->group, call.kind->plural, call.name,
                          fmt::format("Precondition failed: UID in precondition: {}, UID in object "
                                      "meta: {}",
                                      uid, object::uid(present)));
  }
}

// What only the system may change is taken from the present object.
void keep_system_fields(const json::Value& present, json::Value& wanted) {
  json::Value& metadata = wanted.edit("metadata");
  for (const char* field : {"namespace", "uid", "creationTimestamp", "generation",
                            "deletionTimestamp", "deletionGracePeriodSeconds"}) {
    const json::Value& kept = present["metadata"][field];
    if (kept.is_null()) {
      metadata.erase(field);
    } else {
      metadata.set(field, kept);
    }
  }
  metadata.erase("resourceVersion");
}

}  // namespace

Task<Written> StoreRegistry::update(const Call& call, Change change, bool allow_create) {
  if (allow_create && !find(call)) {
    json::Value wanted = value_or_throw(change(json::Value()));
    Call creation = call;
    creation.verb = "create";
    co_return co_await create(creation, std::move(wanted));
  }
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (auto written = co_await try_update(call, change)) co_return std::move(*written);
  }
  throw Error::conflict(call.kind->group, call.kind->plural, call.name, kModified);
}

json::Value StoreRegistry::merge_update(const Call& call, const json::Value& present,
                                        json::Value wanted) const {
  if (call.subresource == "status") {
    json::Value merged = present;
    if (wanted.contains("status")) {
      merged.set("status", wanted["status"]);
    } else {
      merged.erase("status");
    }
    merged.edit("metadata").erase("resourceVersion");
    return merged;
  }
  keep_system_fields(present, wanted);
  if (call.version->has_status) {
    if (present.contains("status")) {
      wanted.set("status", present["status"]);
    } else {
      wanted.erase("status");
    }
  }
  if (options_.flavour == Flavour::Workspaces) {
    object::set_annotation(wanted, "kcp.io/cluster", call.cluster);
  }
  return wanted;
}

Task<std::optional<Written>> StoreRegistry::try_update(const Call& call, const Change& change) {
  auto item = get(call);
  json::Value present = decode(*item, call);
  json::Value wanted = value_or_throw(change(present));
  co_return co_await replace(call, item, present, std::move(wanted), Owners::Untold);
}

Task<std::optional<Written>> StoreRegistry::replace(const Call& call, cache::ItemPtr item,
                                                    const json::Value& present, json::Value wanted,
                                                    Owners owners) {
  check_identity(call, present, wanted);
  std::string version = object::resource_version(wanted);
  bool conditional = !version.empty() && version != "0";
  if (conditional && version != std::to_string(item->revision())) {
    throw Error::conflict(call.kind->group, call.kind->plural, call.name, kModified);
  }
  Written written;
  prune(call, wanted, written.warnings);
  const json::Value told = wanted.at("metadata", "managedFields");
  json::Value after = merge_update(call, present, std::move(wanted));
  apply_defaults(call, after);
  if (owners == Owners::Untold) {
    field_manager(call).track(present, after);
  } else if (told.is_null()) {
    after.edit("metadata").erase("managedFields");
  } else {
    after.edit("metadata").set("managedFields", told);
  }
  co_return co_await finish_update(call, item, present, std::move(after),
                                   std::move(written.warnings));
}

Task<std::optional<Written>> StoreRegistry::finish_update(const Call& call, cache::ItemPtr present,
                                                          const json::Value& before,
                                                          json::Value after,
                                                          std::vector<std::string> warnings) {
  json::Value old = before;
  old.edit("metadata").erase("resourceVersion");
  if (call.kind->rules) call.kind->rules->on_update(call, after, old);
  co_await mutate(call, after, old);
  if (has_generation(*call.kind) && spec_differs(old, after, call.version->has_status)) {
    after.edit("metadata").set("generation", object::generation(old) + 1);
  }
  co_await validate(call, after, old);

  Written written{nullptr, false, std::move(warnings)};
  apply::keep_times(old, after);
  if (after == old) {
    written.item = present;
    co_return written;
  }
  bool gone = object::is_deleting(after) && object::finalizers(after).empty() &&
              after.at("spec", "finalizers").empty();
  to_storage_version(call, after);
  storage::Transaction transaction;
  transaction.compares.push_back({storage_key_of(call), storage::Revision{present->revision()}});
  std::vector<storage::Write> more;
  if (call.kind->rules && !gone) {
    more = call.kind->rules->also_write(call, after, transaction.compares);
  }
  if (call.kind->rules && gone) more = call.kind->rules->also_remove(call, after);
  Bytes bytes = encode(after);
  if (call.dry_run) {
    written.item = item_of(call, bytes, present->revision());
    co_return written;
  }
  transaction.writes.push_back(
      {storage_key_of(call), gone ? std::nullopt : std::optional<Bytes>(bytes)});
  for (storage::Write& write : more) transaction.writes.push_back(std::move(write));
  auto result = co_await options_.store.commit(std::move(transaction));
  // Another look tells what came first: a change, which may be a conflict, or the object's end.
  if (!result.committed) co_return std::nullopt;
  written.item = item_of(call, bytes, gone ? present->revision() : storage::number(result.of(0)));
  co_return written;
}

}  // namespace registry
