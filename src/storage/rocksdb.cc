#include "storage/rocksdb.h"

#include <fmt/format.h>
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "base/check.h"
#include "base/child_task.h"
#include "base/log.h"
#include "base/metrics.h"
#include "storage/rewind.h"
#include "storage/rocksdb_format.h"

namespace storage {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxBatchBytes = 1024 * 1024;

Error unusable(const std::string& directory, std::string_view why) {
  return {Reason::ServiceUnavailable,
          fmt::format("cannot open the store in {}: {}", directory, why)};
}

struct Pending {
  Transaction transaction;
  Resolver<CommitResult> done;
};

class RocksdbStore final : public Store {
 public:
  explicit RocksdbStore(RocksdbOptions options) : options_(std::move(options)) {
    open();
    committer_ = std::thread([this] { serve(); });
  }

  ~RocksdbStore() override {
    {
      std::lock_guard lock(queue_mutex_);
      stopping_ = true;
    }
    queue_ready_.notify_one();
    committer_.join();
    for (auto* family : {kv_, log_, meta_}) db_->DestroyColumnFamilyHandle(family);
    db_->Close();
  }

  Task<CommitResult> commit(Transaction transaction) override {
    if (std::size_t bytes = size_of(transaction); bytes > kMaxTransactionBytes) {
      throw too_large(bytes);
    }
    co_return co_await wait_for<CommitResult>([&](Resolver<CommitResult> done) {
      {
        std::lock_guard lock(queue_mutex_);
        queue_.push_back({std::move(transaction), std::move(done)});
      }
      queue_ready_.notify_one();
    });
  }

  Task<std::optional<Record>> find(std::string key) override {
    co_return co_await offload([this, key = std::move(key)] { return read(key); });
  }

  Task<RangeResult> range(RangeOptions options) override {
    co_return co_await offload(
        [this, options = std::move(options)] { return read_range(options); });
  }

  Task<std::vector<Event>> history(Revision since, std::size_t limit) override {
    co_return co_await offload([this, since, limit] {
      auto events = events_since(since, nullptr);
      if (events.size() > limit) events.resize(limit);
      return events;
    });
  }

  Task<> compact(Revision revision) override {
    co_await offload([this, revision] { drop_history(std::min(revision, newest())); });
  }

  Revision attach(std::function<void(std::span<const Record>)> load, Observer& observer) override {
    std::lock_guard lock(commit_mutex_);
    CHECK(observer_ == nullptr);
    std::vector<Record> batch;
    std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(rocksdb::ReadOptions(), kv_));
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      batch.push_back(record_at(*it));
      if (batch.size() == 1000) {
        load(batch);
        batch.clear();
      }
    }
    must(it->status());
    if (!batch.empty()) load(batch);
    observer_ = &observer;
    return newest();
  }

  Revision newest() const override { return Revision{newest_.load(std::memory_order_acquire)}; }
  Revision oldest() const override { return Revision{oldest_.load(std::memory_order_acquire)}; }

  Health health() const override {
    if (writable_.load()) return {};
    return {false, fmt::format("the disk of {} is full; free some space", options_.directory)};
  }

 private:
  void open();
  void check_format();
  std::uint64_t free_bytes() const;
  bool has_space(std::size_t batch_bytes) const;
  bool refuse_writes();  // false

  // Corruption and failing disks: nothing sensible can be answered any more, and going on could
  // acknowledge what is not there.
  static void must(const rocksdb::Status& status) {
    if (status.ok()) return;
    log(LogLevel::Error, "storage", "the store failed; stopping", {{"error", status.ToString()}});
    CHECK(status.ok());
  }

  std::optional<std::string> read_meta(const char* name) {
    std::string value;
    auto status = db_->Get(rocksdb::ReadOptions(), meta_, name, &value);
    if (status.IsNotFound()) return {};
    must(status);
    return value;
  }

  std::optional<Record> read(const std::string& key, const rocksdb::Snapshot* snapshot = nullptr) {
    rocksdb::ReadOptions options;
    options.snapshot = snapshot;
    std::string value;
    auto status = db_->Get(options, kv_, key, &value);
    if (status.IsNotFound()) return {};
    must(status);
    auto record = format::decode_record(key, value);
    CHECK(record.has_value());
    return record;
  }

  static Record record_at(const rocksdb::Iterator& it) {
    auto record = format::decode_record(it.key().ToString(), it.value().ToStringView());
    CHECK(record.has_value());
    return std::move(*record);
  }

  RangeResult read_range(const RangeOptions& options);
  std::vector<Event> events_since(Revision since, const rocksdb::Snapshot* snapshot);
  void drop_history(Revision revision);

  void serve();
  void commit_batch(std::vector<Pending> batch);
  void keep_history();

  // The state of the keys that the present batch has written so far.
  using Overlay = std::unordered_map<std::string, std::optional<Record>>;
  std::optional<Record> look_up(const Overlay& overlay, const std::string& key) {
    auto it = overlay.find(key);
    return it != overlay.end() ? it->second : read(key);
  }
  std::optional<std::size_t> failed_compare(const Transaction& transaction, const Overlay& overlay);
  std::vector<Event> apply(Transaction& transaction, Revision revision, Overlay& overlay,
                           rocksdb::WriteBatch& batch);
  bool write(rocksdb::WriteBatch& batch);

  RocksdbOptions options_;
  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::ColumnFamilyHandle* kv_ = nullptr;
  rocksdb::ColumnFamilyHandle* log_ = nullptr;
  rocksdb::ColumnFamilyHandle* meta_ = nullptr;
  std::atomic<std::uint64_t> newest_ = 1;
  std::atomic<std::uint64_t> oldest_ = 1;
  std::atomic<bool> writable_ = true;

  std::mutex commit_mutex_;       // held while a batch is written and published
  Observer* observer_ = nullptr;  // guarded by commit_mutex_
  std::deque<std::pair<Clock::time_point, Revision>> marks_;  // committer thread only

  std::mutex queue_mutex_;
  std::condition_variable queue_ready_;
  std::deque<Pending> queue_;  // guarded by queue_mutex_
  bool stopping_ = false;      // guarded by queue_mutex_
  std::thread committer_;
};

rocksdb::ColumnFamilyOptions family_options(const RocksdbOptions& options,
                                            const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions family;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  family.compression = rocksdb::kLZ4Compression;
  family.write_buffer_size = options.write_buffer_bytes;
  family.max_write_buffer_number = 3;
  return family;
}

void RocksdbStore::open() {
  std::error_code error;
  std::filesystem::create_directories(options_.directory, error);
  if (error) throw unusable(options_.directory, error.message());
  ::chmod(options_.directory.c_str(), 0700);
  if (std::uint64_t free = free_bytes(); free < kReservedBytes) {
    throw unusable(options_.directory,
                   fmt::format("the disk is full: {} MiB are free, {} MiB are needed", free >> 20,
                               kReservedBytes >> 20));
  }

  rocksdb::DBOptions db_options;
  db_options.create_if_missing = true;
  db_options.create_missing_column_families = true;
  db_options.max_background_jobs = 2;
  db_options.max_total_wal_size = 256 * 1024 * 1024;
  db_options.wal_bytes_per_sync = 1024 * 1024;
  db_options.keep_log_file_num = 2;
  db_options.max_open_files = 256;
  db_options.db_write_buffer_size = 2 * options_.write_buffer_bytes;
  auto cache = rocksdb::NewLRUCache(options_.cache_bytes);
  auto family = family_options(options_, cache);
  std::vector<rocksdb::ColumnFamilyDescriptor> families{{rocksdb::kDefaultColumnFamilyName, family},
                                                        {"kv", family},
                                                        {"log", family},
                                                        {"meta", family}};
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  auto status = rocksdb::DB::Open(db_options, options_.directory, families, &handles, &db);
  if (!status.ok()) {
    bool in_use = status.ToString().find("lock") != std::string::npos;
    throw unusable(options_.directory,
                   in_use ? "it is in use by another process" : status.ToString());
  }
  db_.reset(db);
  db_->DestroyColumnFamilyHandle(handles[0]);
  kv_ = handles[1];
  log_ = handles[2];
  meta_ = handles[3];
  check_format();
}

void RocksdbStore::check_format() {
  auto format = read_meta("format");
  if (!format) {
    rocksdb::WriteOptions sync;
    sync.sync = true;
    must(db_->Put(sync, meta_, "format", format::encode_number(format::kVersion)));
    return;
  }
  auto version = format::decode_number(*format);
  if (!version || *version > format::kVersion) {
    for (auto* family : {kv_, log_, meta_}) db_->DestroyColumnFamilyHandle(family);
    db_->Close();
    throw unusable(options_.directory,
                   fmt::format("its format {} is newer than this program's {}; use a newer program",
                               version.value_or(0), format::kVersion));
  }
  auto number_of = [&](const char* name) {
    auto text = read_meta(name);
    return text ? format::decode_number(*text).value_or(1) : 1;
  };
  newest_ = number_of("newest");
  oldest_ = number_of("oldest");
}

RangeResult RocksdbStore::read_range(const RangeOptions& options) {
  // One snapshot for the records and for the events that turn them back.
  const rocksdb::Snapshot* snapshot = db_->GetSnapshot();
  auto release = [this](const rocksdb::Snapshot* s) { db_->ReleaseSnapshot(s); };
  std::unique_ptr<const rocksdb::Snapshot, decltype(release)> holder(snapshot, release);

  rocksdb::ReadOptions read_options;
  read_options.snapshot = snapshot;
  std::string newest_text;
  auto status = db_->Get(read_options, meta_, "newest", &newest_text);
  Revision newest{status.ok() ? format::decode_number(newest_text).value_or(1) : 1};
  Revision wanted = options.revision == Revision{} ? newest : options.revision;
  if (wanted < oldest()) throw compacted(wanted, oldest());
  bool old = wanted < newest;

  std::vector<Record> records;
  std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(read_options, kv_));
  for (it->Seek(options.start); it->Valid(); it->Next()) {
    if (!options.end.empty() && it->key().ToStringView() >= options.end) break;
    records.push_back(record_at(*it));
    if (!old && options.limit != 0 && records.size() > options.limit) break;
  }
  must(it->status());
  if (old) {
    records =
        rewind(std::move(records), events_since(wanted, snapshot), options.start, options.end);
  }
  return page_of(std::move(records), options, wanted);
}

std::vector<Event> RocksdbStore::events_since(Revision since, const rocksdb::Snapshot* snapshot) {
  if (since < oldest()) throw compacted(since, oldest());
  auto release = [this](const rocksdb::Snapshot* s) { db_->ReleaseSnapshot(s); };
  std::unique_ptr<const rocksdb::Snapshot, decltype(release)> own(nullptr, release);
  if (!snapshot) {
    snapshot = db_->GetSnapshot();
    own.reset(snapshot);
  }
  rocksdb::ReadOptions options;
  options.snapshot = snapshot;
  std::vector<format::LogEntry> entries;
  std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options, log_));
  for (it->Seek(format::log_key(Revision{number(since) + 1}, 0)); it->Valid(); it->Next()) {
    auto entry = format::decode_log(it->key().ToStringView(), it->value().ToStringView());
    CHECK(entry.has_value());
    entries.push_back(std::move(*entry));
  }
  must(it->status());

  // From the newest back: what an event wrote is what the key's next event replaced.
  std::unordered_map<std::string, std::optional<Record>> state;
  std::vector<Event> events(entries.size());
  for (std::size_t i = entries.size(); i-- > 0;) {
    format::LogEntry& entry = entries[i];
    auto [place, is_new] = state.try_emplace(entry.key);
    if (is_new) place->second = read(entry.key, snapshot);
    events[i] = Event{entry.revision, entry.key, place->second, entry.previous};
    place->second = std::move(entry.previous);
  }
  return events;
}

void RocksdbStore::drop_history(Revision revision) {
  if (revision <= oldest()) return;
  rocksdb::WriteBatch batch;
  batch.DeleteRange(log_, format::log_key(Revision{}, 0),
                    format::log_key(Revision{number(revision) + 1}, 0));
  batch.Put(meta_, "oldest", format::encode_number(number(revision)));
  // Published first: a reader that starts now must not expect what is about to go.
  oldest_.store(number(revision), std::memory_order_release);
  auto status = db_->Write(rocksdb::WriteOptions(), &batch);
  if (!status.ok()) {
    log(LogLevel::Warning, "storage", "history was not compacted", {{"error", status.ToString()}});
  }
}

void RocksdbStore::serve() {
  while (true) {
    std::vector<Pending> batch;
    {
      std::unique_lock lock(queue_mutex_);
      queue_ready_.wait_for(lock, 10s, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty() && stopping_) return;
      std::size_t bytes = 0;
      while (!queue_.empty() && batch.size() < options_.max_batch && bytes < kMaxBatchBytes) {
        bytes += size_of(queue_.front().transaction);
        batch.push_back(std::move(queue_.front()));
        queue_.pop_front();
      }
    }
    if (!batch.empty()) commit_batch(std::move(batch));
    keep_history();
  }
}

void RocksdbStore::keep_history() {
  auto now = Clock::now();
  if (marks_.empty() || now - marks_.back().first > options_.history / 30) {
    marks_.emplace_back(now, newest());
  }
  Revision drop{};
  while (marks_.size() > 1 && now - marks_.front().first > options_.history) {
    drop = marks_.front().second;
    marks_.pop_front();
  }
  if (drop != Revision{}) drop_history(drop);
}

std::optional<std::size_t> RocksdbStore::failed_compare(const Transaction& transaction,
                                                        const Overlay& overlay) {
  for (std::size_t i = 0; i < transaction.compares.size(); ++i) {
    auto present = look_up(overlay, transaction.compares[i].key);
    if ((present ? present->modified : Revision{}) != transaction.compares[i].expected) return i;
  }
  return {};
}

std::vector<Event> RocksdbStore::apply(Transaction& transaction, Revision revision,
                                       Overlay& overlay, rocksdb::WriteBatch& batch) {
  std::vector<Event> events;
  for (Write& change : transaction.writes) {
    Event event{revision, change.key, {}, look_up(overlay, change.key)};
    if (!change.value && !event.previous) continue;
    if (change.value) {
      Revision created = event.previous ? event.previous->created : revision;
      event.current = Record{change.key, std::move(*change.value), created, revision};
      batch.Put(kv_, change.key, format::encode_record(*event.current));
    } else {
      batch.Delete(kv_, change.key);
    }
    batch.Put(log_, format::log_key(revision, static_cast<std::uint32_t>(events.size())),
              format::encode_log(event));
    overlay[change.key] = event.current;
    events.push_back(std::move(event));
  }
  return events;
}

std::uint64_t RocksdbStore::free_bytes() const {
  if (options_.free_bytes) return options_.free_bytes();
  struct statvfs disk{};
  if (::statvfs(options_.directory.c_str(), &disk) != 0) return UINT64_MAX;
  return static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
}

// Whether a batch of this size, and all that is in memory only, can be written.
bool RocksdbStore::has_space(std::size_t batch_bytes) const {
  std::uint64_t in_memory = 0;
  db_->GetAggregatedIntProperty(rocksdb::DB::Properties::kCurSizeAllMemTables, &in_memory);
  return free_bytes() >= kReservedBytes + in_memory + batch_bytes;
}

bool RocksdbStore::refuse_writes() {
  if (writable_.exchange(false)) {
    log(LogLevel::Error, "storage", "the disk is full; refusing writes until there is space",
        {{"directory", options_.directory}});
  }
  return false;
}

bool RocksdbStore::write(rocksdb::WriteBatch& batch) {
  if (!has_space(batch.GetDataSize())) return refuse_writes();
  if (!writable_.load() && !db_->Resume().ok()) return false;
  rocksdb::WriteOptions sync;
  sync.sync = true;
  auto status = db_->Write(sync, &batch);
  bool full = status.IsNoSpace() || status.subcode() == rocksdb::Status::kNoSpace ||
              status.ToString().find("No space left") != std::string::npos;
  if (full) return refuse_writes();
  must(status);
  if (!writable_.exchange(true)) {
    log(LogLevel::Info, "storage", "the disk has space again; accepting writes");
  }
  return true;
}

void RocksdbStore::commit_batch(std::vector<Pending> batch) {
  static auto& batch_sizes =
      metrics::histogram("kcp_store_batch_transactions", "Transactions written with one sync.",
                         {1, 2, 4, 8, 16, 32, 64, 128, 256, 512});
  batch_sizes.observe(static_cast<double>(batch.size()));

  std::lock_guard lock(commit_mutex_);
  Overlay overlay;
  rocksdb::WriteBatch writes;
  Revision revision = newest();
  std::vector<CommitResult> results(batch.size());
  std::vector<std::vector<Event>> events(batch.size());
  for (std::size_t i = 0; i < batch.size(); ++i) {
    Transaction& transaction = batch[i].transaction;
    if (auto failed = failed_compare(transaction, overlay)) {
      results[i] = {false, revision, *failed};
      continue;
    }
    events[i] = apply(transaction, Revision{number(revision) + 1}, overlay, writes);
    if (!events[i].empty()) revision = Revision{number(revision) + 1};
    results[i] = {true, revision, 0};
  }
  if (writes.Count() > 0) {
    writes.Put(meta_, "newest", format::encode_number(number(revision)));
    if (!write(writes)) {
      Error full(Reason::InsufficientStorage, health().message);
      for (Pending& one : batch) one.done.fail(std::make_exception_ptr(full));
      return;
    }
    newest_.store(number(revision), std::memory_order_release);
  }
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (observer_ && !events[i].empty()) observer_->on_commit(events[i], results[i].revision);
  }
  for (std::size_t i = 0; i < batch.size(); ++i) batch[i].done.resolve(results[i]);
}

}  // namespace

std::unique_ptr<Store> open_rocksdb(RocksdbOptions options) {
  return std::make_unique<RocksdbStore>(std::move(options));
}

}  // namespace storage
