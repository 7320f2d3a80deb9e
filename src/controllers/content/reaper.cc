#include "controllers/content/reaper.h"

#include <algorithm>

#include "base/log.h"
#include "base/scope.h"
#include "controllers/content/removal.h"
#include "json/text.h"
#include "object/object.h"

namespace controllers {
namespace {

constexpr Duration kLookAgain = 1s;  // at content that waits for its finalizers

// Writes what tell() made of the holder, status and all; without finalizers it is gone then.
Task<> write_holder(registry::Registry& registry, const Holder& holder, cache::ItemPtr item,
                    std::vector<Place> left) {
  auto object = value_or_throw(json::parse(item->json()));
  object.edit("metadata").erase("resourceVersion");
  json::Value before = object;
  holder.tell(object, left, registry.clock().now());
  if (object == before) co_return;
  bool gone = object::finalizers(object).empty() && object.at("spec", "finalizers").empty();
  std::string key = cache::storage_key(holder.table(), item->key());
  storage::Transaction transaction;
  transaction.compares.push_back({key, storage::Revision{item->revision()}});
  transaction.writes.push_back(
      {key, gone ? std::nullopt : std::optional<Bytes>(registry.encode(object))});
  co_await registry.commit_raw(std::move(transaction));
}

// One step for one holder; whether it still waits.
Task<bool> reap(registry::Registry& registry, const Holder& holder, cache::ItemPtr item) {
  auto object = value_or_throw(json::parse(item->json()));
  auto left =
      co_await remove_objects(registry, holder.content(item->key(), object), "content-controller");
  bool waits = !left.empty() || !holder.content(item->key(), object).empty();
  co_await write_holder(registry, holder, item, std::move(left));
  co_return waits;
}

// One look at every holder of one kind that is being deleted; whether any still waits.
Task<bool> look(registry::Registry& registry, const Holder& holder) {
  bool waiting = false;
  auto snapshot = registry.objects().table(holder.table()).list({});
  std::erase_if(snapshot.items, [](const auto& item) { return !item->deleting(); });
  for (const auto& item : snapshot.items) {
    std::string failure;
    try {
      bool waits = co_await reap(registry, holder, item);
      waiting = waiting || waits;
    } catch (const Error& error) {
      failure = error.message();
      waiting = true;
    }
    if (failure.empty()) continue;
    log(LogLevel::Warning, "content", "removal failed, trying again",
        {{"holder", holder.table().resource},
         {"name", std::string(item->name())},
         {"error", failure}});
  }
  co_return waiting;
}

Task<> watch(registry::Registry* registry, std::shared_ptr<Holder> holder) {
  auto& table = registry->objects().table(holder->table());
  while (true) {
    auto watcher = table.watch({}, registry->objects().revision());
    bool waiting = co_await look(*registry, *holder);
    while (watcher) {
      auto batch = co_await (*watcher)->next(waiting ? kLookAgain : Duration(1h));
      bool deleting = std::ranges::any_of(
          batch.events, [](const auto& event) { return event->item->deleting(); });
      if (batch.expired) break;
      if (deleting || waiting) waiting = co_await look(*registry, *holder);
    }
  }
}

}  // namespace

Task<> reap_content(registry::Registry& registry, std::vector<std::shared_ptr<Holder>> holders) {
  co_await with_scope([&](Scope& scope) -> Task<> {
    for (auto& holder : holders) scope.spawn("reaper", watch(&registry, std::move(holder)));
    return scope.join();
  });
}

}  // namespace controllers
