// The RocksDB engine's class, private to its sources, which are split by subject: rocksdb.cc (life
// and calls), rocksdb_open.cc, rocksdb_load.cc, rocksdb_read.cc, rocksdb_commit.cc,
// rocksdb_history.cc and rocksdb_space.cc.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "base/child_task.h"
#include "storage/rocksdb.h"
#include "storage/rocksdb_acknowledged.h"
#include "storage/rocksdb_format.h"
#include "storage/rocksdb_log_room.h"

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
  // The state of the keys that the present batch has read or written so far.
  using Overlay = std::unordered_map<std::string, std::optional<Record>>;

  // rocksdb_open.cc
  void open();
  void open_database(bool read_only);
  void close();
  void check_format(bool read_only);
  void check_acknowledged(const std::string& place);

  // rocksdb_read.cc
  void must(const rocksdb::Status& status) const;  // stops the process if it is not ok
  std::optional<std::string> read_meta(const char* name, const rocksdb::Snapshot* snapshot);
  std::optional<Record> read(const std::string& key, const rocksdb::Snapshot* snapshot = nullptr);
  Record record_at(const rocksdb::Iterator& it) const;
  RangeResult read_range(const RangeOptions& options);
  std::shared_ptr<const rocksdb::Snapshot> take_snapshot();

  // rocksdb_load.cc
  void load_part(std::size_t part, const std::string& begin, const std::string& end,
                 const Load& load);

  // rocksdb_commit.cc
  void serve();
  void commit_batch(std::vector<Pending> batch);
  std::optional<Record>& look_up(Overlay& overlay, const std::string& key);
  std::optional<std::size_t> failed_compare(const Transaction& transaction, Overlay& overlay);
  std::vector<Event> apply(Transaction& transaction, Revision first, Overlay& overlay,
                           rocksdb::WriteBatch& batch);
  bool write(rocksdb::WriteBatch& batch);

  // rocksdb_history.cc
  std::vector<PastEvent> events_since(Revision since, std::shared_ptr<const rocksdb::Snapshot> at,
                                      NewestValues newest = NewestValues::Included,
                                      const KeyFilter& wanted = nullptr);
  void drop_history(Revision revision);
  void keep_history();
  void flush_what_is_old();
  void start_compaction();

  // rocksdb_space.cc
  std::uint64_t free_bytes() const;
  std::uint64_t needed_bytes() const;  // that must be free before anything is written
  bool has_space(std::size_t batch_bytes) const;
  bool refuse_writes();  // false
  bool recover_space();  // true once writes are possible again

  RocksdbOptions options_;
  const std::unique_ptr<rocksdb::Env> files_ = env_with_log_room(options_.env);
  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::ColumnFamilyHandle* kv_ = nullptr;
  rocksdb::ColumnFamilyHandle* log_ = nullptr;
  rocksdb::ColumnFamilyHandle* meta_ = nullptr;
  std::atomic<std::uint64_t> newest_ = 1;
  std::atomic<std::uint64_t> oldest_ = 1;
  std::atomic<bool> writable_ = true;
  // Set when a flush or compaction met a full disk: RocksDB then waits for Resume().
  std::shared_ptr<std::atomic<bool>> stalled_ = std::make_shared<std::atomic<bool>>(false);
  std::optional<Acknowledged> acknowledged_;
  std::atomic<int> snapshots_ = 0;  // in use; the database is closed after the last one

  std::mutex commit_mutex_;       // held while a batch is written and published
  Observer* observer_ = nullptr;  // guarded by commit_mutex_
  std::deque<std::pair<Clock::time_point, Revision>> marks_;  // committer thread only
  std::atomic<Clock::time_point> opened_ = Clock::now();      // or loaded, if that was later
  bool compacting_ = false;                                   // committer thread only

  std::mutex queue_mutex_;
  std::condition_variable queue_ready_;
  std::deque<Pending> queue_;  // guarded by queue_mutex_
  bool stopping_ = false;      // guarded by queue_mutex_
  std::thread committer_;
};

}  // namespace storage
