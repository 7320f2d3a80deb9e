#include "cache/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "cache/event.h"
#include "cache/ring_watcher.h"
#include "cache/sequence.h"

namespace cache {
namespace {

// The bytes that an event holds: its object before and after, and a frame of it once somebody
// watches.
std::size_t weight(const Event& event) {
  std::size_t before = event.previous ? event.previous->size() : 0;
  return 2 * event.item->size() + before + 512;
}

// The first key behind everything that `filter` can select; nothing if that is the end.
std::optional<Key> end_of(const Filter& filter) {
  if (filter.cluster.empty()) return {};
  if (filter.ns.empty()) return Key{filter.cluster + '/', "", ""};
  return Key{filter.cluster, filter.ns + '/', ""};
}

// Calls `use` with where what `filter` can select begins, or with `from`, and where it ends.
template <class F>
auto with_bounds(const Filter& filter, const std::optional<Key>& from, F use) {
  Key first = from ? *from : Key{filter.cluster, filter.ns, ""};
  auto end = end_of(filter);
  if (!end) return use(first, nullptr);
  KeyView last = *end;
  return use(first, &last);
}

}  // namespace

ItemPtr MemoryTable::find(KeyView key) const {
  std::shared_lock lock(mutex_);
  return objects_.find(key);
}

Range MemoryTable::range_of(const Filter& filter, const std::optional<Key>& from,
                            std::size_t enough) const {
  return with_bounds(filter, from, [&](KeyView first, const KeyView* last) {
    return objects_.range(first, last, enough);
  });
}

std::size_t MemoryTable::count_of(const Filter& filter, const std::optional<Key>& from) const {
  return with_bounds(filter, from, [&](KeyView first, const KeyView* last) {
    return objects_.count(first, last);
  });
}

std::uint64_t MemoryTable::newest() const {
  std::uint64_t seen = seen_.load(std::memory_order_acquire);
  return ring_.empty() ? seen : std::max(seen, ring_.back()->revision);
}

Sequence MemoryTable::sequence(const Filter& filter, std::optional<Key> from) const {
  std::shared_lock lock(mutex_);
  return {range_of(filter, from), filter, newest()};
}

Snapshot MemoryTable::list(const Filter& filter, std::size_t limit, std::optional<Key> from) const {
  Snapshot snapshot;
  bool all = filter.selects_all();
  std::size_t size = 0;
  Range range;
  {
    std::shared_lock lock(mutex_);
    snapshot.revision = newest();
    range = range_of(filter, from, all && limit != 0 ? limit + 1 : SIZE_MAX);
    if (all) size = limit == 0 ? range.size() : count_of(filter, from);
  }
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
  auto next = std::ranges::upper_bound(ring_, revision, {}, &Event::revision);
  std::uint64_t position = ring_begin() + static_cast<std::uint64_t>(next - ring_.begin());
  return std::make_unique<RingWatcher>(*this, std::move(filter), revision, position);
}

std::size_t MemoryTable::count(std::string_view cluster) const {
  std::shared_lock lock(mutex_);
  if (cluster.empty()) return objects_.size();
  return count_of({.cluster = std::string(cluster)}, {});
}

void MemoryTable::load(Objects behind) {
  std::unique_lock lock(mutex_);
  objects_.append(std::move(behind));
}

void MemoryTable::start_ring(std::uint64_t floor) {
  std::unique_lock lock(mutex_);
  begin_ring(floor);
}

void MemoryTable::begin_ring(std::uint64_t floor) {
  while (!ring_.empty()) drop_oldest();
  floor_ = std::max(floor_, floor);
  ring_end_.fetch_add(1, std::memory_order_release);  // who has a position has missed something
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
  ring_end_.fetch_add(1, std::memory_order_release);
  while (is_ring_full()) drop_oldest();
}

void MemoryTable::drop_oldest() {
  std::size_t less = weight(*ring_.front());
  ring_bytes_ -= less;
  room_.used -= less;
  floor_ = ring_.front()->revision;
  ring_.pop_front();
}

void MemoryTable::forget_events(std::uint64_t revision) { trim_events(revision, 0); }

void MemoryTable::trim_events(std::uint64_t revision, std::size_t bytes) {
  std::vector<EventPtr> dropped;  // they go without the lock
  std::unique_lock lock(mutex_);
  while (!ring_.empty() && ring_bytes_ > bytes && ring_.front()->revision <= revision) {
    dropped.push_back(ring_.front());
    drop_oldest();
  }
}

EventPtr MemoryTable::change(Change& change) {
  ItemPtr previous = change.current ? objects_.put(change.current) : objects_.take(change.key);
  return make_event(std::move(previous), std::move(change.current), change.revision);
}

std::vector<EventPtr> MemoryTable::apply(std::span<Change> changes) {
  std::vector<EventPtr> events;
  std::unique_lock lock(mutex_);
  for (Change& one : changes) {
    EventPtr event = change(one);
    if (!event) continue;
    push(event);
    events.push_back(std::move(event));
  }
  lock.unlock();
  ring(events);
  return events;
}

std::vector<EventPtr> MemoryTable::replace(std::span<Change> changes, std::uint64_t revision) {
  std::vector<EventPtr> events;
  {
    std::unique_lock lock(mutex_);
    for (Change& one : changes) {
      if (EventPtr event = change(one)) events.push_back(std::move(event));
    }
    begin_ring(revision);
  }
  wake_all();
  return events;
}

std::vector<std::shared_ptr<WaitingRoom>> MemoryTable::rooms() const {
  std::vector<std::shared_ptr<WaitingRoom>> all;
  std::lock_guard lock(rooms_mutex_);
  for (const auto& weak : rooms_) {
    if (auto room = weak.lock()) all.push_back(std::move(room));
  }
  return all;
}

std::shared_ptr<WaitingRoom> MemoryTable::room_on(Loop& loop) {
  std::lock_guard lock(rooms_mutex_);
  std::erase_if(rooms_, [](const auto& weak) { return weak.expired(); });
  for (const auto& weak : rooms_) {
    auto room = weak.lock();
    if (room && &room->loop() == &loop) return room;
  }
  auto room = std::make_shared<WaitingRoom>(loop);
  rooms_.push_back(room);
  return room;
}

void MemoryTable::ring(std::span<const EventPtr> events) const {
  if (events.empty()) return;
  auto all = rooms();
  if (all.empty()) return;
  std::vector<std::string_view> clusters;
  for (const EventPtr& event : events) {
    std::string_view cluster = event->item->cluster();
    if (clusters.empty() || clusters.back() != cluster) clusters.push_back(cluster);
  }
  std::uint64_t end = ring_end_.load(std::memory_order_relaxed);
  for (const auto& room : all) room->ring(clusters, end - events.size(), end);
}

void MemoryTable::wake_all() {
  for (const auto& room : rooms()) room->ring_all();
}

void MemoryTable::add_to(Cache::Size& size) const {
  std::shared_lock lock(mutex_);
  ++size.tables;
  size.objects += objects_.size();
  size.object_bytes += objects_.bytes();
  size.events += ring_.size();
  size.event_bytes += ring_bytes_;
  for (const auto& room : rooms()) size.waiting += room->size();
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
