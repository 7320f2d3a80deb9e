#include "cache/cache.h"

#include <fmt/format.h>

#include <unordered_map>

#include "base/manual_loop.h"
#include "cache/difference.h"
#include "cache/event.h"
#include "cache/keys.h"
#include "cache/table.h"

namespace cache {
namespace {

constexpr Duration kFutureRevisionPatience = 3s;

// Of what the objects hold, this share may be held by events, and the share of that by one table
// without being looked at.
constexpr std::size_t kRoomShare = 16;
constexpr std::size_t kLeastRoom = std::size_t{2} << 20;

// What one part of a store's records becomes, by table.
struct LoadPart {
  using Tables = std::map<std::string, Objects, std::less<>>;
  Tables tables;
  Tables::iterator last = tables.end();  // records come in key order: mostly the next one's too

  void add(const storage::RecordView& record) {
    if (!record.key.starts_with('/')) return;  // reserved: no object
    auto place = split_storage_key(record.key);
    ItemPtr item = make_item(place, record);
    if (!item) return;
    if (last == tables.end() || last->first != place->table) {
      last = tables.try_emplace(std::string(place->table)).first;
    }
    last->second.append(std::move(item));
  }
};

class StoreCache final : public Cache, public storage::Observer {
 public:
  StoreCache(storage::Store& store, Options options) : options_(options) {
    std::vector<LoadPart> parts(storage::kMaxLoadParts);
    auto revision = store.attach(
        [&parts](std::size_t part, const storage::RecordView& record) { parts[part].add(record); },
        *this);
    for (LoadPart& part : parts) {
      for (auto& [id, objects] : part.tables) table_for(parse_table(id)).load(std::move(objects));
    }
    seen_ = storage::number(revision);
    refill(store);
    if (!options_.hold) start();
  }

  void start() override {
    std::lock_guard lock(held_mutex_);
    for (auto& [revision, events] : held_) take_in(events, revision);
    held_.clear();
    started_.store(true, std::memory_order_release);
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

  std::vector<TableId> tables() const override {
    std::vector<TableId> all;
    std::shared_lock lock(mutex_);
    for (const auto& [id, table] : tables_) all.push_back(id);
    return all;
  }

  void forget_events(std::uint64_t revision) override {
    std::shared_lock lock(mutex_);
    for (const auto& [id, table] : tables_) table->forget_events(revision);
  }

  void trim_events(std::uint64_t revision) override {
    Size kept = size();
    std::size_t room = std::max(kLeastRoom, kept.object_bytes / kRoomShare);
    if (kept.event_bytes <= room) return;
    std::shared_lock lock(mutex_);
    for (const auto& [id, table] : tables_) table->trim_events(revision, room / kRoomShare);
  }

  void wake_watchers() override {
    std::shared_lock lock(mutex_);
    for (const auto& [id, table] : tables_) table->wake_all();
  }

  Size size() const override {
    Size size;
    std::shared_lock lock(mutex_);
    for (const auto& [id, table] : tables_) table->add_to(size);
    size.shared = SharedTexts::global().size();
    return size;
  }

  void listen(const TableId& id, Listener listener) override {
    table_for(id).listen(std::move(listener));
  }

  void listen_to_all(TableListener listener) override {
    std::shared_lock lock(mutex_);
    for (auto& [id, table] : tables_) {
      table->show_present([&](const Event& event) { listener(id, event); });
    }
    listeners_.push_back(std::move(listener));
  }

  std::uint64_t revision() const override { return seen_.load(std::memory_order_acquire); }

  Task<> wait_until(std::uint64_t wanted) override {
    if (revision() >= wanted) co_return;
    ScopedTimer timer(co_await current_loop());
    co_await wait_for([&](Resolver<Done> done) {
      timer.start(kFutureRevisionPatience, [done] { done.resolve(Done{}); });
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
      if (found.size() >= limit) break;
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
      keys.push_back(storage_key(one.table, one.item->key()));
    }
    return keys;
  }

  void on_commit(std::span<const storage::Event> events, storage::Revision revision) override {
    if (!started_.load(std::memory_order_acquire)) {
      std::lock_guard lock(held_mutex_);
      if (!started_) {
        held_.emplace_back(revision, std::vector<storage::Event>(events.begin(), events.end()));
        return;
      }
    }
    take_in(events, revision);
  }

  // Listeners are told what has changed on the whole; watches end, they have missed the rest.
  std::unique_ptr<storage::Reload> reload() override {
    struct Anew final : storage::Reload {
      StoreCache& cache;
      Difference difference;
      explicit Anew(StoreCache& owner)
          : cache(owner), difference([&owner](const TableId& id) -> MemoryTable& {
              return owner.table_for(id);
            }) {}
      void add(const storage::RecordView& record) override { difference.add(record); }
      void finish(storage::Revision revision) override {
        cache.replace(difference, storage::number(revision));
      }
    };
    if (!started_.load(std::memory_order_acquire)) return nullptr;
    return std::make_unique<Anew>(*this);
  }

 private:
  void replace(Difference& difference, std::uint64_t revision) {
    {
      std::unique_lock lock(mutex_);
      ring_floor_ = revision;
    }
    for (const TableId& id : tables()) {
      MemoryTable& table = table_for(id);
      auto changes = difference.take(id, table, revision);
      tell_all(id, table, table.replace(changes, revision));
    }
    advance(revision);
  }

  void tell_all(const TableId& id, const MemoryTable& table,
                const std::vector<EventPtr>& events) const {
    for (const EventPtr& event : events) {
      table.tell_listeners(*event);
      for (const TableListener& listener : listeners_) listener(id, *event);
    }
  }

  void take_in(std::span<const storage::Event> events, storage::Revision revision) {
    std::map<TableId, std::vector<Change>> changes;
    for (const storage::Event& event : events) {
      auto place = split_storage_key(event.key);
      if (!place) continue;
      ItemPtr item = event.current ? make_item(place, view_of(*event.current)) : nullptr;
      if (event.current && !item) continue;
      changes[parse_table(place->table)].push_back(
          {place->key, std::move(item), storage::number(event.revision)});
    }
    for (auto& [id, of_table] : changes) {
      MemoryTable& table = table_for(id);
      tell_all(id, table, table.apply(of_table));
    }
    advance(storage::number(revision));
  }

  void advance(std::uint64_t revision) {
    seen_.store(revision, std::memory_order_release);
    std::lock_guard lock(waiters_mutex_);
    auto last = waiters_.upper_bound(revision);
    for (auto it = waiters_.begin(); it != last; ++it) it->second.resolve(Done{});
    waiters_.erase(waiters_.begin(), last);
  }

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

  // Puts the store's recent history into the rings, so that watches resume across a restart.
  void refill(storage::Store& store) {
    ring_floor_ = storage::number(store.history_start(options_.ring_events));
    for (auto& [id, table] : tables_) table->start_ring(ring_floor_);
    // All at once: a page would cost the store as much as all of it.
    ManualLoop loop;
    auto events = run(loop, store.history(storage::Revision{ring_floor_}, SIZE_MAX,
                                          storage::NewestValues::Omitted));
    // What others have written since the load comes to the observer too.
    std::erase_if(events, [&](const auto& one) { return storage::number(one.revision) > seen_; });
    append(events);
  }

  void append(std::span<const storage::PastEvent> events) {
    std::unordered_map<std::string_view, ItemPtr> states;  // of the keys so far
    for (const storage::PastEvent& event : events) {
      auto place = split_storage_key(event.key);
      if (!place) continue;
      MemoryTable& table = table_for(parse_table(place->table));
      ItemPtr& state = states[event.key];
      ItemPtr previous;
      if (event.previous) previous = state ? state : make_item(place, view_of(*event.previous));
      state = nullptr;
      if (event.current) {
        bool omitted = event.current->value.empty();
        state = omitted ? table.find(place->key) : make_item(place, view_of(*event.current));
        if (!state) continue;
      }
      auto entry = make_event(std::move(previous), state, storage::number(event.revision));
      if (entry) table.append_event(std::move(entry));
    }
  }

  const Options options_;
  SeenRevision seen_ = 0;
  std::uint64_t ring_floor_ = 0;  // of tables to come; once loaded, guarded by mutex_
  std::atomic<bool> started_ = false;
  std::mutex held_mutex_;
  std::vector<std::pair<storage::Revision, std::vector<storage::Event>>> held_;  // guarded by it
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
