// The watch cache: every object of the store as one immutable buffer, in one table per resource
// with the cluster as the leading key, and the recent events of each table. GET, LIST and WATCH
// are answered from here. It is the store's Observer: a write is in here before its writer is told.
// Thread-safe: any method from any loop. Source: reference kube-apiserver.md 3.5, 3.6.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/task.h"
#include "cache/item.h"
#include "object/selector.h"
#include "storage/store.h"

namespace cache {

// Which table: one per resource. `identity` is the APIExport identity hash of a bound resource, ""
// for built-ins and for resources of a workspace's own CRDs.
struct TableId {
  std::string group;  // "" for core
  std::string resource;
  std::string identity;
  friend auto operator<=>(const TableId&, const TableId&) = default;
};

// The store's key of an object: /<cluster>/<group|core>/<resource>[:<identity>]/[<ns>]/<name>.
// Cluster names, groups, namespaces and names cannot contain '/'. A cluster-scoped object has an
// empty namespace segment. prefix_of_cluster() covers all that a logical cluster owns.
std::string storage_key(const TableId& table, KeyView key);
std::string prefix_of_cluster(std::string_view cluster);
// The item for a stored record; null (and a log line) if the record is not an object.
ItemPtr make_item(const storage::Record& record);

struct Placed {
  TableId table;
  ItemPtr item;
};

struct Event {
  enum class Type { Added, Modified, Deleted } type = Type::Added;
  ItemPtr item;      // Deleted: the last state, its resourceVersion that of the deletion
  ItemPtr previous;  // the state before; null for Added
  std::uint64_t revision = 0;

  Event() = default;
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  // The frame of this event in some form ("json:v1" ...), made by `make` on first use and shared by
  // all watchers of that form. Lives as long as the event.
  const Bytes& frame(std::string_view form, const std::function<Bytes()>& make) const;
  const Bytes* find_frame(std::string_view form) const;  // null if nobody has asked for it yet

 private:
  struct Frame;
  mutable std::mutex mutex_;  // held by whoever makes a frame
  mutable std::atomic<const Frame*> frames_ = nullptr;
};
using EventPtr = std::shared_ptr<const Event>;

// Which objects a list or watch wants. Empty members select everything.
struct Filter {
  std::string cluster;  // "" = all clusters
  std::string ns;
  std::string name;
  object::LabelSelector labels;
  // A further condition on the object, for field selectors; null = none.
  std::function<bool(const Item&)> matches = nullptr;

  bool accepts(const Item& item) const;
  // Whether every object of its cluster and namespace is wanted.
  bool selects_all() const { return labels.matches_everything() && !matches && name.empty(); }
};

class Sequence;    // sequence.h
class Waiter;      // waiting.h
struct RingSlice;  // waiting.h

struct Snapshot {
  std::vector<ItemPtr> items;  // in key order: cluster, namespace, name
  std::uint64_t revision = 0;
  std::optional<Key> next;    // set when `limit` cut the list: the first key left out
  std::size_t remaining = 0;  // how many are left out, when it is known (no selector)
};

// A cursor into a table's events, with a filter. Events that move an object in or out of the
// filter come as Added and Deleted. Use on one loop only.
class Watcher {
 public:
  virtual ~Watcher() = default;
  struct Batch {
    std::vector<const Event*> events;  // what this filter sees; they live as long as the batch
    std::uint64_t revision = 0;        // everything up to here was seen: a bookmark may say so
    bool expired = false;              // fell out of the ring: end the watch with 410
    bool more = false;                 // there may be more events now

    bool empty() const { return events.empty() && !expired && !more; }
    void clear();  // lets go of the events; keeps a little memory for the next

    // What keeps the events: of its own, and those that many watchers of a loop look at together.
    std::vector<EventPtr> own;
    std::shared_ptr<const RingSlice> shared;
  };
  // Puts into `batch` what has come since the last time, at most 1024 events.
  virtual void take(Batch& batch) = 0;
  // `co_await watcher.waiter(loop)`, on that loop, suspends until there may be something to take,
  // or until stir(). May return early.
  virtual Waiter& waiter(Loop& loop) = 0;
  virtual void stir() = 0;  // on the watcher's loop

  // The next events. With nothing to deliver it waits up to `patience` and then returns an empty
  // batch, for bookmarks.
  Task<Batch> next(Duration patience);
};

class Table {
 public:
  virtual ~Table() = default;
  virtual ItemPtr find(KeyView key) const = 0;
  // Objects in key order from `from` on (the start if nothing), at most `limit` (0 = all).
  virtual Snapshot list(const Filter& filter, std::size_t limit = 0,
                        std::optional<Key> from = {}) const = 0;
  // All of that, to be read one after another: for lists that are sent.
  virtual Sequence sequence(const Filter& filter, std::optional<Key> from = {}) const = 0;
  // Events after `revision`. Expired if the ring does not reach back that far.
  virtual Result<std::unique_ptr<Watcher>> watch(Filter filter, std::uint64_t revision) = 0;
  // Number of objects, of one cluster or (with "") of all.
  virtual std::size_t count(std::string_view cluster) const = 0;
};

// Called for each event of a table in commit order, on the store's thread, before the writer is
// told: the way to keep an index (paths, RBAC, kinds) that is never behind. Quick, no throw. The
// event is gone after the call.
using Listener = std::function<void(const Event&)>;

class Cache {
 public:
  virtual ~Cache() = default;

  // The table for `id`, made on first use; lives as long as the cache.
  virtual Table& table(const TableId& id) = 0;
  // All identities under which a resource has a table.
  virtual std::vector<TableId> tables(std::string_view group, std::string_view resource) = 0;
  // All tables, also those that are empty.
  virtual std::vector<TableId> tables() const = 0;

  // Adds a listener for one table; it first sees every present object as Added. Only before
  // requests are served or from start-up code; listeners live as long as the cache.
  virtual void listen(const TableId& id, Listener listener) = 0;

  // The same for the events of all tables, of those to come too.
  using TableListener = std::function<void(const TableId&, const Event&)>;
  virtual void listen_to_all(TableListener listener) = 0;

  // Takes in the events that were held back, and all that come; see Options::hold.
  virtual void start() = 0;

  // The newest revision that all tables have seen.
  virtual std::uint64_t revision() const = 0;
  // Returns when revision() >= `revision`; Timeout ("Too large resource version") after 3 s.
  virtual Task<> wait_until(std::uint64_t revision) = 0;

  // Drops events up to `revision`; who has not seen them is told that his watch has expired.
  virtual void forget_events(std::uint64_t revision) = 0;
  // The same, but only where events hold more than a small part of what the objects do: they keep
  // what was removed and replaced. Who comes later finds them in the store's history (past.h).
  virtual void trim_events(std::uint64_t revision) = 0;
  // All watchers that wait return from next(), whether or not there is something for them.
  virtual void wake_watchers() = 0;

  // How much is kept, in all.
  struct Size {
    std::size_t tables = 0, objects = 0, object_bytes = 0;
    std::size_t events = 0, event_bytes = 0;  // of the rings
    std::size_t waiting = 0;                  // watchers
    SharedTexts::Size shared;                 // of the whole process
  };
  virtual Size size() const = 0;

  // The objects of one logical cluster, or of one namespace of it ("" = all), at most `limit`.
  virtual std::vector<Placed> content(std::string_view cluster, std::string_view ns,
                                      std::size_t limit) const = 0;
  // Every object of one logical cluster, in storage-key order, at most `limit` storage keys: for
  // deletion and export.
  virtual std::vector<std::string> keys_of_cluster(std::string_view cluster,
                                                   std::size_t limit) const = 0;
};

struct Options {
  std::size_t ring_events = 20'000;  // per table
  // Events of the store are held back until start(): for start-up code that has listeners to add
  // while other processes write.
  bool hold = false;
};
// Loads `store` and attaches to it. Blocks until loaded.
std::unique_ptr<Cache> make_cache(storage::Store& store, Options options = {});

}  // namespace cache
