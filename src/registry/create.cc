#include <fmt/format.h>

#include "base/random.h"
#include "registry/store_registry.h"

namespace registry {
namespace {

constexpr int kNameAttempts = 8;
constexpr std::size_t kMaxGeneratedBase = 58;  // 63 less the five random characters

void settle_namespace(const Call& call, json::Value& object) {
  std::string given = object::ns(object);
  if (!call.kind->namespaced) {
    object.edit("metadata").erase("namespace");
  } else if (given.empty()) {
    object.edit("metadata").set("namespace", call.ns);
  } else if (given != call.ns) {
    throw Error::bad_request(
        "the namespace of the provided object does not match the namespace sent on the request");
  }
}

}  // namespace

void StoreRegistry::prepare_create(const Call& call, json::Value& object) const {
  std::string version = object::resource_version(object);
  if (!version.empty() && version != "0") {
    throw Error(Reason::InternalError,
                "resourceVersion should not be set on objects to be created");
  }
  json::Value& metadata = object.edit("metadata");
  for (const char* field : {"resourceVersion", "uid", "creationTimestamp", "deletionTimestamp",
                            "deletionGracePeriodSeconds", "generation"}) {
    metadata.erase(field);
  }
  settle_namespace(call, object);
  if (call.version->has_status) object.erase("status");
}

Task<Written> StoreRegistry::create_review(const Call& call, json::Value object) {
  std::vector<std::string> warnings;
  prune(call, object, warnings);
  if (!call.kind->rules) throw Error(Reason::MethodNotAllowed, "this review is not supported");
  json::Value answer = co_await call.kind->rules->review(call, std::move(object));
  answer.set("apiVersion", call.kind->api_version(call.version->name));
  answer.set("kind", call.kind->kind);
  if (!answer.at("metadata").is_object()) answer.set("metadata", json::Value::object());
  co_return Written{item_of(call, encode(answer), 0), true, std::move(warnings)};
}

Task<Written> StoreRegistry::create(const Call& call, json::Value object) {
  if (call.kind->virtual_only) co_return co_await create_review(call, std::move(object));
  prepare_create(call, object);
  std::string base = object.at("metadata", "generateName").str();
  bool generated = object::name(object).empty() && !base.empty();
  for (int attempt = 0; attempt < (generated ? kNameAttempts : 1); ++attempt) {
    // The tree is copied as far as it is changed: only if it may be needed again.
    json::Value candidate = generated ? object : std::move(object);
    Call named = call;
    if (generated) {
      candidate.edit("metadata")
          .set("name", base.substr(0, kMaxGeneratedBase) + random_name_suffix(5));
    }
    named.name = object::name(candidate);
    if (auto written = co_await try_create(named, std::move(candidate), Owners::Untold)) {
      co_return std::move(*written);
    }
    if (!generated) {
      throw Error::already_exists(call.kind->group, call.kind->plural, named.name);
    }
  }
  Error exhausted = Error::already_exists(call.kind->group, call.kind->plural, base);
  Error::Details details = exhausted.details();
  details.retry_after_seconds = 1;
  throw Error(Reason::AlreadyExists, exhausted.message(), details);
}

Task<std::optional<Written>> StoreRegistry::try_create(const Call& call, json::Value object,
                                                       Owners owners) {
  Written written{nullptr, true, {}};
  prune(call, object, written.warnings);
  json::Value& metadata = object.edit("metadata");
  metadata.set("uid", random_uuid());
  metadata.set("creationTimestamp", format_time(options_.clock.now()));
  if (has_generation(*call.kind)) metadata.set("generation", 1);
  apply_defaults(call, object);
  if (owners == Owners::Untold) field_manager(call).track({}, object);
  if (options_.flavour == Flavour::Workspaces) {
    object::set_annotation(object, "kcp.io/cluster", call.cluster);
  }
  if (call.kind->rules) call.kind->rules->on_create(call, object);
  co_await mutate(call, object, {});
  check_namespace(call);
  co_await validate(call, object, {});
  if (find(call)) co_return std::nullopt;

  to_storage_version(call, object);
  storage::Transaction transaction;
  transaction.compares.push_back({storage_key_of(call), {}});
  std::vector<storage::Write> more;
  if (call.kind->rules) more = call.kind->rules->also_write(call, object, transaction.compares);
  Bytes bytes = encode(object);
  if (call.dry_run) {
    written.item = item_of(call, bytes, 0);
    co_return written;
  }
  transaction.writes.push_back({storage_key_of(call), bytes});
  for (storage::Write& write : more) transaction.writes.push_back(std::move(write));
  auto result = co_await options_.store.commit(std::move(transaction));
  if (!result.committed && result.failed_compare > 0) {
    throw Error::conflict(call.kind->group, call.kind->plural, call.name,
                          "something that it depends on has changed; please try again");
  }
  if (!result.committed) co_return std::nullopt;
  written.item = item_of(call, bytes, storage::number(result.of(0)));
  co_return written;
}

}  // namespace registry
