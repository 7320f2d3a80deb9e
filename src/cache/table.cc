#include "cache/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "cache/event.h"

namespace cache {
namespace {

constexpr std::size_t kMaxBatch = 1024;
constexpr std::size_t kMaxScan = 16 * 1024;  // events looked at while the lock is held

// The bytes that an event holds: its object before and after, and a frame of it once somebody
// watches.
std::size_t weight(const Event& event) {
  std::size_t before = event.previous ? event.previous->json().size() : 0;
  return 2 * event.item->json().size() + before + 512;
}

// The first key behind everything that `filter` can select; nothing if that is the end.
std::optional<Key> end_of(const Filter& filter) {
  if (filter.cluster.empty()) return {};
  if (filter.ns.empty()) return Key{filter.cluster + '/', "", ""};
  return Key{filter.cluster, filter.ns + '/', ""};
}

}  // namespace

class RingWatcher final : public Watcher {
 public:
  RingWatcher(MemoryTable& table, Filter filter, std::uint64_t cursor)
      : table_(table), filter_(std::move(filter)), cursor_(cursor) {}

  Task<Batch> next(Duration patience) override {
    Batch batch = read();
    if (!batch.events.empty() || batch.expired || behind_ || patience <= 0s) co_return batch;
    co_await wait(patience);
    co_return read();
  }

 private:
  // What the ring has behind the cursor. Not inlined: next()'s frame would keep room for its locals
  // as long as it waits.
  [[gnu::noinline]] Batch read() {
    Batch batch;
    std::shared_lock lock(table_.mutex_);
    // Read before the ring, so that everything up to it is in the ring.
    std::uint64_t seen = table_.seen_.load(std::memory_order_acquire);
    if (cursor_ < table_.floor_) {
      batch.expired = true;
      return batch;
    }
    auto at = std::ranges::upper_bound(table_.ring_, cursor_, {}, &Event::revision);
    std::size_t scanned = 0;
    for (; at != table_.ring_.end(); ++at) {
      // Stops between transactions only: a cursor is a revision.
      bool boundary = (*at)->revision != cursor_;
      if (boundary && (batch.events.size() >= kMaxBatch || scanned >= kMaxScan)) break;
      ++scanned;
      cursor_ = (*at)->revision;
      if (auto event = seen_through(*at, filter_)) batch.events.push_back(std::move(event));
    }
    behind_ = at != table_.ring_.end();
    if (!behind_) cursor_ = std::max(cursor_, seen);
    batch.revision = cursor_;
    return batch;
  }

  Task<> wait(Duration patience) {
    Loop& loop = co_await current_loop();
    struct Registration {
      MemoryTable& table;
      Loop& loop;
      std::pair<std::string, std::uint64_t> key;
      Loop::TimerId timer = 0;
      ~Registration() {
        loop.cancel_timer(timer);
        if (key.second == 0) return;
        std::unique_lock lock(table.mutex_);
        table.waiters_.erase(key);
      }
    } registration{table_, loop, {filter_.cluster, 0}};
    std::uint64_t nothing_until =
        co_await wait_for<std::uint64_t>([&](Resolver<std::uint64_t> done) {
          registration.timer = loop.call_after(patience, [done] { done.resolve(0); });
          std::unique_lock lock(table_.mutex_);
          if (!table_.ring_.empty() && table_.ring_.back()->revision > cursor_) {
            lock.unlock();
            return done.resolve(0);
          }
          registration.key.second = table_.next_waiter_++;
          table_.waiters_.emplace(registration.key, done);
        });
    skip(nothing_until, registration.key);
  }

  // Moves the cursor over events of other clusters, so that a quiet watcher of a busy table is not
  // mistaken for a slow one.
  [[gnu::noinline]] void skip(std::uint64_t nothing_until,
                              const std::pair<std::string, std::uint64_t>& key) {
    std::shared_lock lock(table_.mutex_);
    if (table_.waiters_.contains(key)) {  // never woken: none of the events was for us
      nothing_until = table_.ring_.empty() ? table_.floor_ : table_.ring_.back()->revision;
    }
    cursor_ = std::max(cursor_, nothing_until);
  }

  MemoryTable& table_;
  Filter filter_;
  std::uint64_t cursor_;
  bool behind_ = false;  // the last read() stopped at its limits
};

ItemPtr MemoryTable::find(KeyView key) const {
  std::shared_lock lock(mutex_);
  return objects_.find(key);
}

Range MemoryTable::range_of(const Filter& filter, std::optional<Key> from) const {
  Key first = from ? std::move(*from) : Key{filter.cluster, filter.ns, ""};
  auto end = end_of(filter);
  if (!end) return objects_.range(first, nullptr);
  KeyView last = *end;
  return objects_.range(first, &last);
}

Snapshot MemoryTable::list(const Filter& filter, std::size_t limit, std::optional<Key> from) const {
  Snapshot snapshot;
  Range range;
  {
    std::shared_lock lock(mutex_);
    snapshot.revision = seen_.load(std::memory_order_acquire);
    if (!ring_.empty()) snapshot.revision = std::max(snapshot.revision, ring_.back()->revision);
    range = range_of(filter, std::move(from));
  }
  bool all = filter.labels.matches_everything() && !filter.matches && filter.name.empty();
  std::size_t size = all ? range.size() : 0;
  snapshot.items.reserve(limit == 0 ? size : std::min(size, limit));
  LabelQuery query(filter.labels);
  auto visit = [&](const ItemPtr& item) {
    if (!all && !filter.accepts(*item)) return true;
    if (limit != 0 && snapshot.items.size() == limit) {
      snapshot.next = Key(item->key());
      return false;
    }
    snapshot.items.push_back(item);
    return true;
  };
  range.for_each(visit, &query);
  if (all && snapshot.next) snapshot.remaining = size - limit;
  return snapshot;
}

Result<std::unique_ptr<Watcher>> MemoryTable::watch(Filter filter, std::uint64_t revision) {
  std::shared_lock lock(mutex_);
  if (revision < floor_) {
    return std::unexpected(Error(
        Reason::Expired, fmt::format("too old resource version: {} ({})", revision, floor_ + 1)));
  }
  return std::make_unique<RingWatcher>(*this, std::move(filter), revision);
}

std::size_t MemoryTable::count(std::string_view cluster) const {
  std::shared_lock lock(mutex_);
  if (cluster.empty()) return objects_.size();
  return range_of({.cluster = std::string(cluster)}, {}).size();
}

void MemoryTable::load(Objects behind) {
  std::unique_lock lock(mutex_);
  objects_.append(std::move(behind));
}

void MemoryTable::start_ring(std::uint64_t floor) {
  std::unique_lock lock(mutex_);
  floor_ = floor;
}

void MemoryTable::append_event(EventPtr event) {
  std::unique_lock lock(mutex_);
  push(std::move(event));
}

bool MemoryTable::is_ring_full() const {
  std::size_t room = room_.used > room_.in_all ? room_.least : room_.per_table;
  return ring_.size() > ring_events_ || (ring_bytes_ > room && ring_.size() > 1);
}

void MemoryTable::push(EventPtr event) {
  std::size_t more = weight(*event);
  ring_bytes_ += more;
  room_.used += more;
  ring_.push_back(std::move(event));
  while (is_ring_full()) drop_oldest();
}

void MemoryTable::drop_oldest() {
  std::size_t less = weight(*ring_.front());
  ring_bytes_ -= less;
  room_.used -= less;
  floor_ = ring_.front()->revision;
  ring_.pop_front();
}

void MemoryTable::forget_events(std::uint64_t revision) {
  std::unique_lock lock(mutex_);
  while (!ring_.empty() && ring_.front()->revision <= revision) drop_oldest();
}

std::vector<EventPtr> MemoryTable::apply(std::span<Change> changes, std::uint64_t revision) {
  std::vector<EventPtr> events;
  std::unique_lock lock(mutex_);
  for (Change& change : changes) {
    auto event = std::make_shared<Event>();
    event->revision = revision;
    if (change.current) {
      event->item = change.current;
      event->previous = objects_.put(std::move(change.current));
      event->type = event->previous ? Event::Type::Modified : Event::Type::Added;
    } else {
      event->previous = objects_.take(change.key);
      if (!event->previous) continue;
      event->type = Event::Type::Deleted;
      event->item = Item::at_revision(*event->previous, revision);
    }
    push(event);
    events.push_back(std::move(event));
  }
  // Only now: who is woken by the first event may read before this function goes on.
  for (const EventPtr& event : events) wake(event->item->cluster(), revision);
  if (!events.empty()) wake("", revision);
  return events;
}

void MemoryTable::wake(std::string_view cluster, std::uint64_t revision) {
  if (waiters_.empty()) return;
  auto first = waiters_.lower_bound({std::string(cluster), 0});
  auto last = first;
  for (; last != waiters_.end() && last->first.first == cluster; ++last) {
    last->second.resolve(revision - 1);
  }
  waiters_.erase(first, last);
}

void MemoryTable::wake_all() {
  std::unique_lock lock(mutex_);
  for (const auto& [key, waiter] : waiters_) waiter.resolve(0);
  waiters_.clear();
}

void MemoryTable::add_to(Cache::Size& size) const {
  std::shared_lock lock(mutex_);
  ++size.tables;
  size.objects += objects_.size();
  size.object_bytes += objects_.bytes();
  size.events += ring_.size();
  size.event_bytes += ring_bytes_;
  size.waiting += waiters_.size();
}

void MemoryTable::listen(Listener listener) {
  show_present(listener);
  listeners_.push_back(std::move(listener));
}

void MemoryTable::show_present(const Listener& listener) const {
  Range range;
  {
    std::shared_lock lock(mutex_);
    range = range_of({}, {});
  }
  Event event;  // of every object in turn: who listens does not keep it
  range.for_each([&](const ItemPtr& item) {
    event.item = item;
    event.revision = item->revision();
    listener(event);
    return true;
  });
}

void MemoryTable::tell_listeners(const Event& event) const {
  for (const Listener& listener : listeners_) listener(event);
}

void MemoryTable::collect(std::string_view cluster, std::string_view ns,
                          const std::function<bool(const ItemPtr&)>& visit) const {
  std::shared_lock lock(mutex_);
  range_of({.cluster = std::string(cluster), .ns = std::string(ns)}, {}).for_each(visit);
}

}  // namespace cache
