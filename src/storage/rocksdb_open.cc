// Opening and closing: options, the judgement about the journal and its replay, the format.
#include <fmt/format.h>
#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/table_properties_collectors.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <system_error>

#include "base/log.h"
#include "storage/rocksdb_store.h"

namespace storage {
namespace {

constexpr const char* kRestore = "restore a backup with kcp restore";

// Files whose share of deleted keys is high in any run of this many are compacted soon.
constexpr std::size_t kDeletionWindow = 4096;
constexpr std::size_t kDeletions = 2048;

// A dozen objects: a start reads all blocks, and each costs as much as its bytes do.
constexpr std::size_t kBlock = 16 * 1024;

rocksdb::ColumnFamilyOptions family_options(const RocksdbOptions& options,
                                            const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions family;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.block_size = kBlock;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  family.compression = rocksdb::kLZ4Compression;
  family.write_buffer_size = options.write_buffer_bytes;
  family.max_write_buffer_number = 3;
  family.disable_auto_compactions = true;  // until start_compaction()
  // The last level holds nearly everything, so that what was overwritten takes little room.
  family.level_compaction_dynamic_level_bytes = true;
  family.table_properties_collector_factories.push_back(
      rocksdb::NewCompactOnDeletionCollectorFactory(kDeletionWindow, kDeletions, 0.5));
  return family;
}

std::string why_not_opened(const rocksdb::Status& status) {
  if (!status.IsCorruption()) return status.ToString();
  return fmt::format("it is corrupt ({}); {}", status.ToString(), kRestore);
}

// Before anything is judged: what another process is writing looks torn.
void check_not_in_use(const std::string& directory) {
  rocksdb::Env* env = rocksdb::Env::Default();
  rocksdb::FileLock* lock = nullptr;
  auto status = env->LockFile(directory + "/LOCK", &lock);
  if (status.ok()) status = env->UnlockFile(lock);
  if (status.ok()) return;
  std::string text = status.ToString();
  bool held = text.contains("While lock file") || text.contains("lock hold by");
  throw unusable(directory, held ? "it is in use by another process" : text);
}

rocksdb::Status open_files(const RocksdbOptions& options, const rocksdb::DBOptions& database,
                           bool read_only, std::vector<rocksdb::ColumnFamilyHandle*>& handles,
                           rocksdb::DB** db) {
  auto families = column_families(options);
  return read_only
             ? rocksdb::DB::OpenForReadOnly(database, options.directory, families, &handles, db)
             : rocksdb::DB::Open(database, options.directory, families, &handles, db);
}

}  // namespace

// Tells what happens in RocksDB's background threads.
class RocksdbStore::Listener final : public rocksdb::EventListener {
 public:
  Listener(std::string directory, std::shared_ptr<Background> background)
      : directory_(std::move(directory)), background_(std::move(background)) {}

  void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status* status) override {
    if (!is_full(*status)) stop_process(directory_, *status);
    background_->stalled = true;
  }
  void OnFlushCompleted(rocksdb::DB*, const rocksdb::FlushJobInfo&) override {
    background_->flushed = true;
  }

 private:
  std::string directory_;
  std::shared_ptr<Background> background_;
};

Error unusable(const std::string& directory, std::string_view why) {
  return {Reason::ServiceUnavailable,
          fmt::format("cannot open the store in {}: {}", directory, why)};
}

rocksdb::DBOptions database_options(const RocksdbOptions& options) {
  rocksdb::DBOptions database;
  if (options.env) database.env = options.env;
  database.create_if_missing = true;
  database.create_missing_column_families = true;
  database.max_background_jobs = 2;
  database.keep_log_file_num = 2;
  database.max_open_files = 256;
  database.db_write_buffer_size = 2 * options.write_buffer_bytes;
  // The journal is the log: tables of all families must be of one state, and a clean end need not
  // make any.
  database.atomic_flush = true;
  database.avoid_flush_during_shutdown = true;
  // Of stores up to format 2.
  database.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  database.track_and_verify_wals_in_manifest = true;
  database.max_bgerror_resume_count = 0;
  return database;
}

std::vector<rocksdb::ColumnFamilyDescriptor> column_families(const RocksdbOptions& options) {
  auto family = family_options(options, rocksdb::NewLRUCache(options.cache_bytes));
  auto small = family;
  small.write_buffer_size = 1024 * 1024;
  // The few keys of "meta" are written again and again, and all families are flushed with it.
  return {{rocksdb::kDefaultColumnFamilyName, small},
          {"kv", family},
          {"log", family},
          {"meta", family}};
}

void RocksdbStore::open() {
  const std::string& directory = options_.directory;
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) throw unusable(directory, error.message());
  ::chmod(directory.c_str(), 0700);
  if (std::filesystem::exists(unfinished_path(directory))) {
    throw unusable(directory, "a backup was not restored to the end; remove it and restore again");
  }
  if (std::uint64_t free = free_bytes(); free < kReservedBytes) {
    throw unusable(directory, fmt::format("the disk is full: {} MiB are free, {} MiB are needed",
                                          free >> 20, kReservedBytes >> 20));
  }
  if (::access(directory.c_str(), W_OK) != 0) throw unusable(directory, "it is not writable");
  check_not_in_use(directory);
  JournalVerdict verdict = judge_journal(directory);
  if (verdict.state == JournalVerdict::State::Damaged) {
    throw unusable(directory, fmt::format("its log is corrupt: {}; {}", verdict.place, kRestore));
  }
  if (verdict.state == JournalVerdict::State::Torn) {
    open_database(true);
    newest_ = std::max(newest_.load(), number(verdict.newest));
    check_acknowledged(verdict.place);
    close();
    log(LogLevel::Warning, "storage",
        "the last write was torn by a crash and is left out; nothing says it was acknowledged",
        {{"place", verdict.place}});
  }
  open_database(false);
  try {
    replay(verdict);
  } catch (const Error&) {
    if (db_) close();
    throw;
  }
  acknowledged_.emplace(directory);
  acknowledged_->set(newest_);
}

// Brings into RocksDB what of the journal it does not have, and begins a new file behind it.
void RocksdbStore::replay(const JournalVerdict& verdict) {
  const std::string& directory = options_.directory;
  std::uint64_t in_tables = format::decode_journal(read_meta("newest", nullptr).value_or(""));
  newest_ = std::max(newest_.load(), number(verdict.newest));
  check_acknowledged("");
  if (verdict.first > in_tables + 1) {
    throw unusable(directory, fmt::format("its log is corrupt: records {} to {} are missing; {}",
                                          in_tables + 1, verdict.first - 1, kRestore));
  }
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  read_journal(verdict.files, in_tables, [&](const journal::Record& record) {
    rocksdb::WriteBatch batch{std::string(record.payload)};
    auto status = db_->Write(options, &batch);
    if (is_full(status)) {
      throw unusable(directory, "the disk is full: what is in its log does not fit into tables");
    }
    must(status);
  });
  oldest_ = read_number("oldest");
  for (const JournalFileInfo& file : verdict.files) {
    if (::truncate(file.path.c_str(), static_cast<off_t>(file.whole)) == 0) continue;
    throw unusable(directory, fmt::format("{}: {}", file.path, std::strerror(errno)));
  }
  try {
    journal_ = std::make_unique<Journal>(
        JournalOptions{directory, std::min(kJournalFileBytes, options_.write_buffer_bytes / 2),
                       options_.journal_failure},
        verdict.files, in_tables);
  } catch (const std::system_error& error) {
    throw unusable(directory, fmt::format("cannot make a file: {}", error.what()));
  }
}

// Leaves nothing open when it throws.
void RocksdbStore::open_database(bool read_only) {
  auto database = database_options(options_);
  database.listeners.push_back(std::make_shared<Listener>(options_.directory, background_));
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  auto status = open_files(options_, database, read_only, handles, &db);
  if (!status.ok()) throw unusable(options_.directory, why_not_opened(status));
  db_.reset(db);
  db_->DestroyColumnFamilyHandle(handles[0]);
  kv_ = handles[1];
  log_ = handles[2];
  meta_ = handles[3];
  check_format(read_only);
}

void RocksdbStore::close() {
  for (int left = snapshots_; left != 0; left = snapshots_) snapshots_.wait(left);
  for (auto* family : {kv_, log_, meta_}) db_->DestroyColumnFamilyHandle(family);
  db_->Close();
  db_.reset();
}

void RocksdbStore::check_acknowledged(const std::string& place) {
  const std::string& directory = options_.directory;
  std::uint64_t known = read_acknowledged(directory);
  if (newest_ >= known) return;
  std::uint64_t found = newest_;
  close();
  throw unusable(directory,
                 fmt::format("revision {} was acknowledged, but the newest on disk is {}{}{}; {}, "
                             "or remove {} to go on without what is missing",
                             known, found, place.empty() ? "" : ": the log is damaged in ", place,
                             kRestore, acknowledged_path(directory)));
}

void RocksdbStore::check_format(bool read_only) {
  auto format = read_meta("format", nullptr);
  auto version = format ? format::decode_number(*format) : format::kVersion;
  if (!version || *version > format::kVersion) {
    close();
    throw unusable(options_.directory,
                   fmt::format("its format {} is newer than this program's {}; use a newer program",
                               version.value_or(0), format::kVersion));
  }
  if ((!format || *version < format::kVersion) && !read_only) {
    rocksdb::WriteOptions options;
    options.disableWAL = true;
    must(db_->Put(options, meta_, "format", format::encode_number(format::kVersion)));
    // Before the first record of the journal, which an older program would not see.
    must(db_->Flush(rocksdb::FlushOptions(), {kv_, log_, meta_}));
  }
  newest_ = read_number("newest");
  oldest_ = read_number("oldest");
}

std::uint64_t RocksdbStore::read_number(const char* name) {
  auto text = read_meta(name, nullptr);
  return text ? format::decode_number(*text).value_or(1) : 1;
}

}  // namespace storage
