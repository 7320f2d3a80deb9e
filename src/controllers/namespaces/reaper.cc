#include "controllers/namespaces/reaper.h"

#include <algorithm>

#include "base/log.h"
#include "json/text.h"
#include "object/object.h"

namespace controllers {
namespace {

constexpr std::size_t kMaxKeys = 100'000;
constexpr Duration kLookAgain = 1s;  // at content that waits for its finalizers
const cache::TableId kNamespaces{"", "namespaces", ""};

// Asks for the deletion of one object, as its kind would have it.
Task<> delete_content(registry::Registry& registry, const cache::TableId& table,
                      const cache::Key& key) {
  registry::Call call;
  call.cluster = key.cluster;
  call.kind = registry.kinds().find(key.cluster, table.group, table.resource, table.identity);
  if (!call.kind) co_return;  // its definition is gone, and the object with it
  call.version = &call.kind->storage_version();
  call.ns = key.ns;
  call.name = key.name;
  call.verb = "delete";
  call.user = auth::system_user("namespace-controller");
  std::optional<Error> failure;
  try {
    co_await registry.remove(call, {});
  } catch (const Error& error) {
    failure = error;
  }
  if (failure && failure->reason() != Reason::NotFound) throw *failure;
}

// Deletes what is in the namespace; returns how many objects are still there.
Task<std::size_t> empty_namespace(registry::Registry& registry, std::string cluster,
                                  std::string ns) {
  std::size_t left = 0;
  for (const std::string& key : registry.objects().keys_of_cluster(cluster, kMaxKeys)) {
    auto place = cache::parse_storage_key(key);
    if (!place || place->second.ns != ns) continue;
    auto item = registry.objects().table(place->first).find(place->second);
    if (!item) continue;
    if (!item->header.deleting) co_await delete_content(registry, place->first, place->second);
    if (registry.objects().table(place->first).find(place->second)) ++left;
  }
  co_return left;
}

// Takes the namespace's own finalizer off; without others it is gone then.
Task<> finish(registry::Registry& registry, const cache::Item& item) {
  auto object = value_or_throw(json::parse(item.json.view()));
  object.edit("metadata").erase("resourceVersion");
  object.edit("spec").erase("finalizers");
  bool gone = object::finalizers(object).empty();
  std::string key = cache::storage_key(kNamespaces, item.key);
  storage::Transaction transaction;
  transaction.compares.push_back({key, storage::Revision{item.revision}});
  transaction.writes.push_back(
      {key, gone ? std::nullopt : std::optional<Bytes>(registry.encode(object))});
  co_await registry.commit_raw(std::move(transaction));
}

// One look at every namespace that is being deleted; whether any still waits.
Task<bool> look(registry::Registry& registry) {
  bool waiting = false;
  auto snapshot = registry.objects().table(kNamespaces).list({});
  std::erase_if(snapshot.items, [](const auto& item) { return !item->header.deleting; });
  for (const auto& item : snapshot.items) {
    std::string failure;
    try {
      std::size_t left = co_await empty_namespace(registry, item->key.cluster, item->key.name);
      if (left == 0) co_await finish(registry, *item);
      waiting = waiting || left > 0;
    } catch (const Error& error) {
      failure = error.message();
      waiting = true;
    }
    if (failure.empty()) continue;
    log(LogLevel::Warning, "namespaces", "removal failed, trying again",
        {{"namespace", item->key.name}, {"error", failure}});
  }
  co_return waiting;
}

}  // namespace

Task<> reap_namespaces(registry::Registry& registry) {
  auto& table = registry.objects().table(kNamespaces);
  while (true) {
    auto watcher = table.watch({}, registry.objects().revision());
    bool waiting = co_await look(registry);
    while (watcher) {
      auto batch = co_await (*watcher)->next(waiting ? kLookAgain : Duration(1h));
      bool deleting = std::ranges::any_of(
          batch.events, [](const auto& event) { return event->item->header.deleting; });
      if (batch.expired) break;
      if (deleting || waiting) waiting = co_await look(registry);
    }
  }
}

}  // namespace controllers
