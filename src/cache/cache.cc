#include "cache/cache.h"

#include <fmt/format.h>

#include "base/manual_loop.h"
#include "cache/item.h"
#include "cache/table.h"

namespace cache {
namespace {

constexpr Duration kFutureRevisionPatience = 3s;

class StoreCache final : public Cache, public storage::Observer {
 public:
  StoreCache(storage::Store& store, Options options) : options_(options) {
    auto revision =
        store.attach([this](std::span<const storage::Record> records) { load(records); }, *this);
    seen_ = storage::number(revision);
    refill(store);
  }

  Table& table(const TableId& id) override { return table_for(id); }

  std::vector<TableId> tables(std::string_view group, std::string_view resource) override {
    std::vector<TableId> found;
    std::shared_lock lock(mutex_);
    auto it = tables_.lower_bound(TableId{std::string(group), std::string(resource), ""});
    for (; it != tables_.end() && it->first.group == group && it->first.resource == resource;
         ++it) {
      found.push_back(it->first);
    }
    return found;
  }

  void listen(const TableId& id, Listener listener) override {
    table_for(id).listen(std::move(listener));
  }

  void listen_to_all(TableListener listener) override {
    std::shared_lock lock(mutex_);
    for (auto& [id, table] : tables_) {
      table->for_each([&](const ItemPtr& item) { listener(id, added(item)); });
    }
    listeners_.push_back(std::move(listener));
  }

  std::uint64_t revision() const override { return seen_.load(std::memory_order_acquire); }

  Task<> wait_until(std::uint64_t wanted) override {
    if (revision() >= wanted) co_return;
    Loop& loop = co_await current_loop();
    struct Timer {
      Loop& loop;
      Loop::TimerId id = 0;
      ~Timer() { loop.cancel_timer(id); }
    } timer{loop};
    co_await wait_for([&](Resolver<Done> done) {
      timer.id = loop.call_after(kFutureRevisionPatience, [done] { done.resolve(Done{}); });
      std::lock_guard lock(waiters_mutex_);
      if (revision() >= wanted) return done.resolve(Done{});
      std::erase_if(waiters_, [](const auto& waiter) { return waiter.second.settled(); });
      waiters_.emplace(wanted, done);
    });
    if (revision() < wanted) {
      throw Error(Reason::Timeout,
                  fmt::format("Too large resource version: {}, current: {}", wanted, revision()),
                  Error::Details{.retry_after_seconds = 1},
                  {{"ResourceVersionTooLarge", "", "Too large resource version"}});
    }
  }

  std::vector<Placed> content(std::string_view cluster, std::string_view ns,
                              std::size_t limit) const override {
    std::vector<Placed> found;
    std::shared_lock lock(mutex_);
    for (const auto& [id, table] : tables_) {
      table->collect(cluster, ns, [&](const ItemPtr& item) {
        if (found.size() < limit) found.push_back({id, item});
        return found.size() < limit;
      });
    }
    return found;
  }

  std::vector<std::string> keys_of_cluster(std::string_view cluster,
                                           std::size_t limit) const override {
    std::vector<std::string> keys;
    for (const Placed& one : content(cluster, "", limit)) {
      keys.push_back(storage_key(one.table, one.item->key));
    }
    return keys;
  }

  void on_commit(std::span<const storage::Event> events, storage::Revision revision) override {
    for (const storage::Event& event : events) {
      auto place = parse_storage_key(event.key);
      if (!place) continue;
      MemoryTable& table = table_for(place->first);
      ItemPtr item = event.current ? make_item(place->second, *event.current) : nullptr;
      auto change = table.apply(place->second, std::move(item), storage::number(revision));
      if (!change) continue;
      table.tell_listeners(change);
      for (const TableListener& listener : listeners_) listener(place->first, change);
    }
    seen_.store(storage::number(revision), std::memory_order_release);
    std::lock_guard lock(waiters_mutex_);
    auto last = waiters_.upper_bound(storage::number(revision));
    for (auto it = waiters_.begin(); it != last; ++it) it->second.resolve(Done{});
    waiters_.erase(waiters_.begin(), last);
  }

 private:
  MemoryTable& table_for(const TableId& id) {
    {
      std::shared_lock lock(mutex_);
      auto it = tables_.find(id);
      if (it != tables_.end()) return *it->second;
    }
    std::unique_lock lock(mutex_);
    auto& table = tables_[id];
    if (!table) {
      table = std::make_unique<MemoryTable>(options_.ring_events, room_, seen_);
      table->start_ring(ring_floor_);
    }
    return *table;
  }

  void load(std::span<const storage::Record> records) {
    for (const storage::Record& record : records) {
      auto place = parse_storage_key(record.key);
      if (!place) continue;
      if (auto item = make_item(std::move(place->second), record)) {
        table_for(place->first).load(std::move(item));
      }
    }
  }

  // Puts the store's recent history into the rings, so that watches resume across a restart.
  void refill(storage::Store& store) {
    std::uint64_t newest = seen_, oldest = storage::number(store.oldest());
    std::uint64_t reach = options_.ring_events;
    ring_floor_ = std::max(oldest, newest > reach ? newest - reach : 0);
    for (auto& [id, table] : tables_) table->start_ring(ring_floor_);
    // All at once: a page would cost the store as much as all of it.
    ManualLoop loop;
    append(run(loop, store.history(storage::Revision{ring_floor_}, SIZE_MAX)));
  }

  void append(std::span<const storage::Event> events) {
    for (const storage::Event& event : events) {
      auto place = parse_storage_key(event.key);
      if (!place) continue;
      auto entry = std::make_shared<Event>();
      entry->revision = storage::number(event.revision);
      if (event.previous) entry->previous = make_item(place->second, *event.previous);
      if (event.current) {
        entry->item = make_item(place->second, *event.current);
        entry->type = event.previous ? Event::Type::Modified : Event::Type::Added;
      } else if (entry->previous) {
        entry->item = at_revision(*entry->previous, entry->revision);
        entry->type = Event::Type::Deleted;
      }
      if (entry->item) table_for(place->first).append_event(std::move(entry));
    }
  }

  const Options options_;
  SeenRevision seen_ = 0;
  std::uint64_t ring_floor_ = 0;  // fixed once loaded
  mutable std::shared_mutex mutex_;
  RingRoom room_;
  std::map<TableId, std::unique_ptr<MemoryTable>> tables_;  // guarded by mutex_; only grows
  std::vector<TableListener> listeners_;                    // fixed once requests are served
  std::mutex waiters_mutex_;
  std::multimap<std::uint64_t, Resolver<Done>> waiters_;  // guarded by waiters_mutex_
};

}  // namespace

std::unique_ptr<Cache> make_cache(storage::Store& store, Options options) {
  return std::make_unique<StoreCache>(store, options);
}

}  // namespace cache
