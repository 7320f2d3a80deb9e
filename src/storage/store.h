// A Store is an ordered, multi-version map from key to bytes with one change feed: what etcd is to
// Kubernetes, no more. Each committed transaction gets the next Revision; revisions are never
// reused and never reordered, and survive a restart. An acknowledged transaction is durable.
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
  Revision created{};   // when this key last came into being
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

// All compares hold and all writes happen, or nothing happens. Keys of writes are distinct.
struct Transaction {
  std::vector<Compare> compares;
  std::vector<Write> writes;
};

struct CommitResult {
  bool committed = false;
  Revision revision{};             // of the transaction if committed, else the newest there is
  std::size_t failed_compare = 0;  // index of the first compare that did not hold
};

inline constexpr std::size_t kMaxTransactionBytes = 8 * 1024 * 1024;
std::size_t size_of(const Transaction& transaction);  // keys and values, in bytes
Error too_large(std::size_t bytes);

// One change of one key. Events of one transaction share its revision.
struct Event {
  Revision revision{};
  std::string key;
  std::optional<Record> current;   // nothing: deleted
  std::optional<Record> previous;  // nothing: created
};

// Sees every committed event exactly once, in order, a transaction at a time, on the store's own
// thread, before the writer is told. Must be quick and must not throw.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on_commit(std::span<const Event> events, Revision revision) = 0;
};

struct RangeOptions {
  std::string start;      // inclusive
  std::string end;        // exclusive; "" = to the end
  Revision revision{};    // 0 = newest; older: Expired once compacted
  std::size_t limit = 0;  // 0 = all
};

struct RangeResult {
  std::vector<Record> records;
  Revision revision{};  // at which the range was read
  bool more = false;
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
// Gets every record of a store at one revision. The records of one part come in key order; those of
// a part lie before those of the next. Parts may be loaded at the same time, each by one thread.
using Load = std::function<void(std::size_t part, const RecordView& record)>;
inline constexpr std::size_t kMaxLoadParts = 16;

// Whether history() repeats values that are the newest of their keys, which a cache has already.
enum class NewestValues { Included, Omitted };

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
  // history does not reach back that far. At most `limit` events.
  virtual Task<std::vector<Event>> history(Revision since, std::size_t limit,
                                           NewestValues newest = NewestValues::Included) = 0;
  // Where history() starts to give about the last `events` events, in whole transactions.
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
