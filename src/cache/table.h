// One resource's objects and recent events. The cache's apply thread writes; everyone reads.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <span>
#include <string>
#include <vector>

#include "cache/cache.h"
#include "cache/objects.h"
#include "cache/waiting.h"

namespace cache {

// The newest revision that all tables have seen; shared by a cache and its tables.
using SeenRevision = std::atomic<std::uint64_t>;

// How many bytes the events of all tables may hold; shared by a cache and its tables.
struct RingRoom {
  std::size_t in_all = std::size_t{1} << 30;
  std::size_t per_table = std::size_t{128} << 20;
  std::size_t least = std::size_t{8}
                      << 20;  // what a table may hold when all together hold too much
  std::atomic<std::size_t> used = 0;
};

struct Change {
  KeyView key;
  ItemPtr current;  // null: deleted
  std::uint64_t revision = 0;
};

class MemoryTable final : public Table {
 public:
  MemoryTable(std::size_t ring_events, RingRoom& room, const SeenRevision& seen)
      : ring_events_(ring_events), room_(room), seen_(seen) {}

  ItemPtr find(KeyView key) const override;
  Snapshot list(const Filter& filter, std::size_t limit, std::optional<Key> from) const override;
  Sequence sequence(const Filter& filter, std::optional<Key> from) const override;
  Result<std::unique_ptr<Watcher>> watch(Filter filter, std::uint64_t revision) override;
  std::size_t count(std::string_view cluster) const override;

  // For the cache. load() adds objects behind those that are there, start_ring() says from which
  // revision on events are complete, append_event() adds one that is already in the objects.
  // apply() makes a transaction's changes, all at once: nobody sees some of them. It returns their
  // events; a deletion of what is not there has none.
  void load(Objects behind);
  void start_ring(std::uint64_t floor);
  void append_event(EventPtr event);
  std::vector<EventPtr> apply(std::span<Change> changes);
  // Makes changes whose order is not known any more: the ring starts anew at `revision`, and who
  // has not seen that is told that his watch has expired.
  std::vector<EventPtr> replace(std::span<Change> changes, std::uint64_t revision);
  void listen(Listener listener);
  void tell_listeners(const Event& event) const;
  // Shows every object as Added.
  void show_present(const Listener& listener) const;
  void forget_events(std::uint64_t revision);
  void trim_events(std::uint64_t revision, std::size_t bytes);  // down to `bytes` of them
  void wake_all();
  void add_to(Cache::Size& size) const;
  // The objects of a cluster, or of a namespace of it, until `visit` says false.
  void collect(std::string_view cluster, std::string_view ns,
               const std::function<bool(const ItemPtr&)>& visit) const;

 private:
  friend class RingWatcher;

  // Both require mutex_. With `enough`, objects behind so many may be left out.
  Range range_of(const Filter& filter, const std::optional<Key>& from,
                 std::size_t enough = SIZE_MAX) const;
  std::size_t count_of(const Filter& filter, const std::optional<Key>& from) const;
  std::uint64_t newest() const;  // the revision at which the objects are; requires mutex_

  // Makes one change of the objects; null if there is nothing to delete.
  EventPtr change(Change& change);
  void begin_ring(std::uint64_t floor);  // requires mutex_
  void push(EventPtr event);
  void drop_oldest();
  // Tells those who wait of the newest events.
  void ring(std::span<const EventPtr> events) const;
  std::vector<std::shared_ptr<WaitingRoom>> rooms() const;
  std::shared_ptr<WaitingRoom> room_on(Loop& loop);

  // The position of the oldest event in the ring: how many came before it.
  std::uint64_t ring_begin() const {
    return ring_end_.load(std::memory_order_relaxed) - ring_.size();
  }
  bool is_ring_full() const;

  const std::size_t ring_events_;
  RingRoom& room_;
  const SeenRevision& seen_;
  mutable std::shared_mutex mutex_;
  Objects objects_;            // guarded by mutex_, like all below
  std::deque<EventPtr> ring_;  // in revision order
  std::size_t ring_bytes_ = 0;
  std::atomic<std::uint64_t> ring_end_ =
      0;                     // the position behind the newest event; read by waiters
  std::uint64_t floor_ = 0;  // events up to here are not (or no longer) in the ring
  mutable std::mutex rooms_mutex_;
  std::vector<std::weak_ptr<WaitingRoom>> rooms_;  // guarded by rooms_mutex_; one for each loop
  std::vector<Listener> listeners_;                // fixed once requests are served
};

}  // namespace cache
