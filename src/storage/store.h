// A Store is an ordered, multi-version map from key to bytes with one change feed: what etcd is to
// Kubernetes, no more. Each write of a committed transaction gets the next Revision, so that a
// reader may stop and go on between any two; revisions are never reused and never reordered, and
// survive a restart. An acknowledged transaction is durable. Decision: docs/adr/0010-revisions.md.
// Engines: storage/rocksdb, storage/etcd, storage/memory (tests); all pass
// storage/store_contract.h. Thread-safe: call any method from any loop. Source: reference
// kube-apiserver.md section 12.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/task.h"

namespace storage {

enum class Revision : std::uint64_t {};  // 0: nothing yet, or "must not exist" in a Compare
inline std::uint64_t number(Revision revision) { return static_cast<std::uint64_t>(revision); }

struct Record {
  std::string key;
  Bytes value;
  Revision created{};   // of the transaction in which this key last came into being, one of its
  Revision modified{};  // the write that produced this value
};

// "the key's last modification is `expected`"; Revision{0}: the key is absent.
struct Compare {
  std::string key;
  Revision expected{};
};

struct Write {
  std::string key;
  std::optional<Bytes> value;  // nothing: delete (deleting an absent key is no change, no event)
};

// All compares hold and all writes happen, or nothing happens. Keys of writes are distinct, and
// writes with a value stand before deletions.
struct Transaction {
  std::vector<Compare> compares;
  std::vector<Write> writes;
};
bool values_come_first(const Transaction& transaction);

// If the transaction has changed nothing, lost a compare or deleted only what was absent, both
// revisions are the newest there is.
struct CommitResult {
  bool committed = false;
  Revision first{};                // of the first write
  Revision revision{};             // where all of the transaction has happened: its last, or later
  std::size_t failed_compare = 0;  // index of the first compare that did not hold

  // The revision of the write at `index` of the transaction; for a deletion it is right if those
  // before it have all deleted something.
  Revision of(std::size_t index) const { return Revision{number(first) + index}; }
};

inline constexpr std::size_t kMaxTransactionBytes = 8 * 1024 * 1024;
std::size_t size_of(const Transaction& transaction);  // keys and values, in bytes
Error too_large(std::size_t bytes);

// One change of one key, with a revision of its own.
struct Event {
  Revision revision{};
  std::string key;
  std::optional<Record> current;  // nothing: deleted
};

// A change as history tells it.
struct PastEvent : Event {
  std::optional<Record> previous;  // nothing: created
};

// A record while it is loaded: the texts live during the call only.
struct RecordView {
  std::string_view key;
  std::string_view value;
  Revision created{};
  Revision modified{};
};
inline RecordView view_of(const Record& record) {
  return {record.key, record.value.view(), record.created, record.modified};
}

// How an observer takes in everything anew. Dropped unfinished, it has changed nothing.
class Reload {
 public:
  virtual ~Reload() = default;
  // Every record there is at one revision, in key order. On the store's thread, as finish() is.
  virtual void add(const RecordView& record) = 0;
  // That was all: the observer is now as if it had been attached at `revision`.
  virtual void finish(Revision revision) = 0;
};

// Sees every committed event exactly once, in order, a transaction at a time, on the store's own
// thread, before the writer is told. `revision` is that of the last event or later: everything up
// to it has been seen. Must be quick and must not throw.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on_commit(std::span<const Event> events, Revision revision) = 0;
  // Called when the store cannot tell any more what has happened, because it was cut off for longer
  // than that is kept. Nothing: not now, it is called again soon. No commits until it is finished.
  virtual std::unique_ptr<Reload> reload() { return nullptr; }
};

struct RangeOptions {
  std::string start;  // inclusive
  std::string end;    // exclusive; "" = to the end
  // 0 = newest. Older: Expired once compacted, or if very much has happened since. See RangeResult.
  Revision revision{};
  std::size_t limit = 0;  // 0 = all
};

struct RangeResult {
  std::vector<Record> records;
  // At which the range was read: what was asked for, or on engines that keep the past by whole
  // transactions the end of that transaction.
  Revision revision{};
  bool more = false;
};

// Gets every record of a store at one revision. The records of one part come in key order; those of
// a part lie before those of the next. Parts may be loaded at the same time, each by one thread.
using Load = std::function<void(std::size_t part, const RecordView& record)>;
inline constexpr std::size_t kMaxLoadParts = 16;

// Whether history() repeats values that are the newest of their keys, which a cache has already.
enum class NewestValues { Included, Omitted };
using KeyFilter = std::function<bool(std::string_view key)>;

// What a full disk, a corrupt file or a lost quorum does to a store.
struct Health {
  bool writable = true;
  std::string message = {};                      // why not, and what to do
  std::optional<std::uint64_t> free_bytes = {};  // on the store's disk, if it has one here
};

// All records at one revision, while writes go on. Must not outlive its store.
class Snapshot {
 public:
  virtual ~Snapshot() = default;
  virtual Revision revision() const = 0;
  // The next records in key order, a little over `bytes` of them; none at the end. Throws
  // Error(Expired) on engines that keep the past for a while only. One call at a time.
  virtual Task<std::vector<Record>> next(std::size_t bytes) = 0;
};

// The largest transaction that a store takes.
struct Limits {
  std::size_t operations = SIZE_MAX;  // writes, and as many compares
  std::size_t bytes = kMaxTransactionBytes;
};

class Store {
 public:
  virtual ~Store() = default;

  // Resolves when the transaction is durable and the observer has seen it. A lost compare is an
  // outcome, not an error; the observer has then seen what made it fail. Throws
  // Error(InsufficientStorage) when the disk is full, Error(RequestEntityTooLarge) over limits(),
  // and Error(Timeout) when the outcome is unknown.
  virtual Task<CommitResult> commit(Transaction transaction) = 0;
  virtual Limits limits() const { return {}; }

  virtual Task<std::optional<Record>> find(std::string key) = 0;
  virtual Task<RangeResult> range(RangeOptions options) = 0;

  // The newest state. Unless an engine knows better: pages of range() at one revision.
  virtual Task<std::unique_ptr<Snapshot>> snapshot();

  // Feeds `observer` from now on, after loading: calls `load` with every record at one revision,
  // then on_commit with all later events and no gap. Blocks until loaded. At most one observer per
  // store; it must outlive the store.
  virtual Revision attach(Load load, Observer& observer) = 0;

  // The events after `since`, oldest first, for watches that resume across a restart. Expired if
  // history does not reach back that far. At most `limit` events. With a filter only those of keys
  // that it accepts, on whatever thread, and Expired if very much else has happened.
  virtual Task<std::vector<PastEvent>> history(Revision since, std::size_t limit,
                                               NewestValues newest = NewestValues::Included,
                                               KeyFilter wanted = nullptr) = 0;
  // Where history() starts to give about the last `events` events.
  virtual Revision history_start(std::size_t events) const {
    std::uint64_t last = number(newest());
    return std::max(oldest(), Revision{last > events ? last - events : 0});
  }

  // Forgets history up to `revision` (at most the newest).
  virtual Task<> compact(Revision revision) = 0;

  // Whether other processes write to it too. The two below are for them.
  virtual bool shared() const { return false; }
  // Returns once the observer has seen every transaction that was acknowledged, by whatever
  // process, before the call. Throws Error(ServiceUnavailable or Timeout) if that cannot be known.
  virtual Task<Revision> catch_up() { co_return newest(); }
  // Runs `work` while this process leads all that share the store: again each time it comes to
  // lead, cancelled when it leads no more. At most one leads at any time, but what it wrote last
  // may still be on its way when the next begins. Returns when `work` does, throws what `work`
  // throws.
  virtual Task<> while_leading(std::function<Task<>()> work) { co_await work(); }

  virtual Revision newest() const = 0;
  virtual Revision oldest() const = 0;  // history reaches back to here
  virtual Health health() const = 0;
};

// Commits the writes in as many transactions as the store's limits ask for, in their order; each
// takes the compares of its own keys along. For writes that need not happen all at once. Stops at
// the first lost compare, and says so: false.
Task<bool> commit_in_steps(Store& store, Transaction transaction);

// The first key behind all keys that start with `prefix`.
std::string prefix_end(std::string_view prefix);

}  // namespace storage
