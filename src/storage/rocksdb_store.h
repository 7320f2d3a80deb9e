// The RocksDB engine's class, private to its sources, which are split by subject: rocksdb.cc (life
// and calls), rocksdb_open.cc, rocksdb_load.cc, rocksdb_read.cc, rocksdb_commit.cc,
// rocksdb_turns.cc, rocksdb_history.cc and rocksdb_space.cc.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "base/child_task.h"
#include "storage/journal.h"
#include "storage/rocksdb.h"
#include "storage/rocksdb_acknowledged.h"
#include "storage/rocksdb_format.h"

namespace storage {

// What opening throws: "cannot open the store in <directory>: <why>".
Error unusable(const std::string& directory, std::string_view why);

// How files and column families are set up, for opening and for filling a new store.
rocksdb::DBOptions database_options(const RocksdbOptions& options);
std::vector<rocksdb::ColumnFamilyDescriptor> column_families(const RocksdbOptions& options);

// Stands in a store that RocksdbImport has not finished.
std::string unfinished_path(const std::string& directory);

bool is_full(const rocksdb::Status& status);  // no space, or over a quota

// Logs one line with the cause and what to do, and ends the process with status 1. After corruption
// or a failed sync nothing sensible can be answered, and going on could acknowledge what is not
// there; a sync is never tried again, because the second one would succeed without having written.
[[noreturn]] void stop_process(const std::string& directory, const rocksdb::Status& status);

class RocksdbStore final : public Store {
 public:
  explicit RocksdbStore(RocksdbOptions options);
  ~RocksdbStore() override;

  Task<CommitResult> commit(Transaction transaction) override;
  Task<std::optional<Record>> find(std::string key) override;
  Task<RangeResult> range(RangeOptions options) override;
  Task<std::unique_ptr<Snapshot>> snapshot() override;
  Task<std::vector<PastEvent>> history(Revision since, std::size_t limit, NewestValues newest,
                                       KeyFilter wanted) override;
  Revision history_start(std::size_t events) const override;
  Task<> compact(Revision revision) override;
  Revision attach(Load load, Observer& observer) override;
  Revision newest() const override { return Revision{newest_.load(std::memory_order_acquire)}; }
  Revision oldest() const override { return Revision{oldest_.load(std::memory_order_acquire)}; }
  Health health() const override;

 private:
  class Reader;
  using Clock = std::chrono::steady_clock;

  struct Pending {
    Transaction transaction;
    Resolver<CommitResult> done;
  };
  // The state of the keys that a batch has read or written so far.
  using Overlay = std::unordered_map<std::string, std::optional<Record>>;
  enum class From { Memory, Disk };  // whether to wait for the disk

  // Transactions that are committed together, on their way through the stages below.
  struct Batch {
    std::vector<Pending> pending;
    Overlay overlay;
    bool prepared = false, durable = false;
    rocksdb::WriteBatch writes;
    std::vector<CommitResult> results;       // one for each of pending
    std::vector<std::vector<Event>> events;  // of each
    Revision newest{};                       // when it has happened
    Clock::time_point began;                 // to be written
  };
  using BatchPtr = std::unique_ptr<Batch>;

  // The turn, for what is not queued. Waits for it; not `held` if the store is being closed.
  enum class Who { Committer, Other };  // which thread
  struct Turn {
    Turn(RocksdbStore& of, Who who) : store(of), held(store.take_turn(who)) {}
    ~Turn() {
      if (held) store.release_turn();
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    RocksdbStore& store;
    const bool held;
  };

  // What RocksDB's threads tell.
  struct Background {
    std::atomic<bool> stalled = false;  // a full disk was met: RocksDB waits for Resume()
    std::atomic<bool> flushed = false;  // there are new tables
  };
  class Listener;

  // The store for jobs that wait on loops, as long as it is there.
  struct Alive {
    explicit Alive(RocksdbStore* of) : store(of) {}
    std::mutex mutex;
    RocksdbStore* store;  // guarded by mutex; null once it is being destroyed
  };

  // rocksdb_open.cc
  void open();
  void open_database(bool read_only);
  void close();
  void check_format(bool read_only);
  std::uint64_t read_number(const char* name);  // of meta; 1 if it is missing
  void check_acknowledged(const std::string& place);
  void replay(const JournalVerdict& verdict);

  // rocksdb_read.cc
  void must(const rocksdb::Status& status) const;  // stops the process if it is not ok
  void must_write(int error) const;                // the same for an errno
  std::optional<std::string> read_meta(const char* name, const rocksdb::Snapshot* snapshot);
  std::optional<Record> read(const std::string& key, const rocksdb::Snapshot* snapshot = nullptr);
  // The same as far as it can be said without reading a file: nothing if it cannot.
  std::optional<std::optional<Record>> read_from_memory(const std::string& key);
  Record record_at(const rocksdb::Iterator& it) const;
  RangeResult read_range(const RangeOptions& options);
  std::shared_ptr<const rocksdb::Snapshot> take_snapshot();

  // rocksdb_load.cc
  void load_part(std::size_t part, const std::string& begin, const std::string& end,
                 const Load& load);

  // rocksdb_turns.cc: who commits, and when
  void enqueue(Pending one, Loop& loop);
  BatchPtr take_batch();       // of the queue, with the turn; queue_mutex_ is held
  bool turn_is_free() const;   // for what is queued; queue_mutex_ is held
  bool next_is_alone() const;  // what is queued is for a loop; queue_mutex_ is held
  bool take_turn(Who who);     // waits for it; false: the store is being closed
  void release_turn();
  void serve();
  BatchPtr next_batch();  // of the committer; null: there is none for now
  bool closing();         // and nothing is left to commit
  void start_on(Loop& loop, BatchPtr batch);
  void written_on(Loop& loop);
  bool finish(Batch& batch);
  void go_on(Loop& loop);
  void hand_over(BatchPtr batch);

  // rocksdb_commit.cc: the stages of a batch, in the turn of its holder
  void commit(Batch& batch);  // all that are left, blocking
  bool look_up_in_memory(Batch& batch);
  void prepare(Batch& batch);
  bool writable(const Batch& batch);
  bool write(Batch& batch);               // to the journal, blocking; as written()
  bool written(Batch& batch, int error);  // by the journal; false: it was full, and nothing is
  bool insert(Batch& batch, From from);   // into RocksDB; false: not without waiting
  void publish(Batch& batch);
  void refuse(Batch& batch);  // for want of space
  std::optional<Record>& look_up(Overlay& overlay, const std::string& key);
  std::optional<std::size_t> failed_compare(const Transaction& transaction, Overlay& overlay);
  std::vector<Event> apply(Transaction& transaction, Revision first, Overlay& overlay,
                           rocksdb::WriteBatch& batch);

  // rocksdb_history.cc
  std::vector<PastEvent> events_since(Revision since, std::shared_ptr<const rocksdb::Snapshot> at,
                                      NewestValues newest = NewestValues::Included,
                                      const KeyFilter& wanted = nullptr);
  void drop_history(Revision revision, Who who);
  void keep_history();
  void flush_what_is_old();
  rocksdb::Status begin_flush();
  void flush();
  void shorten_journal();  // by what is in tables
  void start_compaction();

  // rocksdb_space.cc
  std::uint64_t free_bytes() const;
  std::uint64_t needed_bytes() const;  // that must be free before anything is written
  bool has_space(std::size_t batch_bytes) const;
  bool refuse_writes();  // false
  bool met_full_disk();  // false
  bool recover_space();  // true once writes are possible again

  RocksdbOptions options_;
  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::ColumnFamilyHandle* kv_ = nullptr;
  rocksdb::ColumnFamilyHandle* log_ = nullptr;
  rocksdb::ColumnFamilyHandle* meta_ = nullptr;
  std::atomic<std::uint64_t> newest_ = 1;
  std::atomic<std::uint64_t> oldest_ = 1;
  std::atomic<bool> writable_ = true;
  mutable std::atomic<std::uint64_t> free_ = 0;  // bytes of the disk, when it was asked last
  mutable std::atomic<Clock::time_point> free_asked_ = Clock::time_point();
  std::atomic<Clock::time_point> full_ = Clock::time_point();  // when a write met a full disk
  std::shared_ptr<Background> background_ = std::make_shared<Background>();
  std::unique_ptr<Journal> journal_;  // written by the holder of the turn
  std::optional<Acknowledged> acknowledged_;
  std::atomic<int> snapshots_ = 0;  // in use; the database is closed after the last one

  Observer* observer_ = nullptr;                              // of the holder of the turn
  std::deque<std::pair<Clock::time_point, Revision>> marks_;  // committer thread only
  std::atomic<Clock::time_point> opened_ = Clock::now();      // or loaded, if that was later
  bool compacting_ = false;                                   // committer thread only
  bool flush_begun_ = false;                                  // committer thread only

  std::mutex queue_mutex_;
  std::condition_variable queue_ready_;  // for the committer
  std::condition_variable turn_free_;    // for take_turn()
  // All guarded by queue_mutex_.
  std::deque<Pending> queue_;
  bool taken_ = false;    // the turn: the right to write and to tell the observer
  int waiting_ = 0;       // in take_turn(); they come first
  int alone_ = 0;         // batches of one transaction in a row
  BatchPtr under_way_;    // being written by the kernel, for a loop that has the turn
  BatchPtr handed_over_;  // to the committer, with the turn
  bool stopping_ = false;
  std::shared_ptr<Alive> alive_ = std::make_shared<Alive>(this);
  std::thread committer_;
};

}  // namespace storage
