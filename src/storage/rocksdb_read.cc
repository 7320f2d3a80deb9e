// Reading the newest state, older ones, and the whole at one revision.
#include <cstring>

#include "base/check.h"
#include "storage/rewind.h"
#include "storage/rocksdb_store.h"

namespace storage {

void RocksdbStore::must(const rocksdb::Status& status) const {
  if (!status.ok()) stop_process(options_.directory, status);
}

void RocksdbStore::must_write(int error) const {
  if (error != 0) must(rocksdb::Status::IOError(std::strerror(error)));
}

std::optional<std::string> RocksdbStore::read_meta(const char* name,
                                                   const rocksdb::Snapshot* snapshot) {
  rocksdb::ReadOptions options;
  options.snapshot = snapshot;
  std::string value;
  auto status = db_->Get(options, meta_, name, &value);
  if (status.IsNotFound()) return {};
  must(status);
  return value;
}

std::optional<Record> RocksdbStore::read(const std::string& key,
                                         const rocksdb::Snapshot* snapshot) {
  rocksdb::ReadOptions options;
  options.snapshot = snapshot;
  std::string value;
  auto status = db_->Get(options, kv_, key, &value);
  if (status.IsNotFound()) return {};
  must(status);
  auto record = format::decode_record(key, value);
  if (!record) must(rocksdb::Status::Corruption("malformed record", key));
  return record;
}

std::optional<std::optional<Record>> RocksdbStore::read_from_memory(const std::string& key) {
  // Not Get() with kBlockCacheTier, which finds an empty value where a table is not open.
  std::string value;
  bool found = false;
  if (!db_->KeyMayExist(rocksdb::ReadOptions(), kv_, key, &value, &found)) {
    return std::optional<Record>();
  }
  if (!found) return {};
  auto record = format::decode_record(key, value);
  if (!record) must(rocksdb::Status::Corruption("malformed record", key));
  return record;
}

Record RocksdbStore::record_at(const rocksdb::Iterator& it) const {
  auto record = format::decode_record(it.key().ToString(), it.value().ToStringView());
  if (!record) must(rocksdb::Status::Corruption("malformed record", it.key()));
  return std::move(*record);
}

std::shared_ptr<const rocksdb::Snapshot> RocksdbStore::take_snapshot() {
  ++snapshots_;
  return {db_->GetSnapshot(), [this](const rocksdb::Snapshot* snapshot) {
            db_->ReleaseSnapshot(snapshot);
            if (--snapshots_ == 0) snapshots_.notify_all();
          }};
}

RangeResult RocksdbStore::read_range(const RangeOptions& options) {
  // One snapshot for the records and for the events that turn them back.
  auto snapshot = take_snapshot();
  auto newest_text = read_meta("newest", snapshot.get());
  Revision newest{newest_text ? format::decode_number(*newest_text).value_or(1) : 1};
  Revision wanted = options.revision == Revision{} ? newest : options.revision;
  if (wanted < oldest()) throw compacted(wanted, oldest());
  bool old = wanted < newest;

  rocksdb::ReadOptions read_options;
  read_options.snapshot = snapshot.get();
  std::vector<PastEvent> later;
  if (old) {
    later = events_since(wanted, snapshot, NewestValues::Omitted, [&](std::string_view key) {
      return key >= options.start && (options.end.empty() || key < options.end);
    });
  }
  // Each event since may have brought a record that was not there.
  std::size_t most = options.limit == 0 ? SIZE_MAX : options.limit + 1 + later.size();
  std::string end = options.end;
  std::vector<Record> records;
  std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(read_options, kv_));
  for (it->Seek(options.start); it->Valid(); it->Next()) {
    if (!options.end.empty() && it->key().ToStringView() >= options.end) break;
    if (records.size() == most) {
      end = it->key().ToString();
      break;
    }
    records.push_back(record_at(*it));
  }
  must(it->status());
  if (old) records = rewind(std::move(records), later, options.start, end);
  return page_of(std::move(records), options, wanted);
}

// Everything at one revision, by an iterator that stays where it is between two calls. What is
// read goes on after a cancelled call, so it belongs to that call too.
class RocksdbStore::Reader final : public Snapshot {
 public:
  explicit Reader(RocksdbStore& store) : state_(std::make_shared<State>(store)) {
    auto newest = store.read_meta("newest", state_->snapshot.get());
    revision_ = Revision{newest ? format::decode_number(*newest).value_or(1) : 1};
    rocksdb::ReadOptions options;
    options.snapshot = state_->snapshot.get();
    options.fill_cache = false;  // a whole pass would push out what is in use
    options.readahead_size = 1024 * 1024;
    state_->it.reset(store.db_->NewIterator(options, store.kv_));
    state_->it->SeekToFirst();
  }

  Revision revision() const override { return revision_; }

  Task<std::vector<Record>> next(std::size_t bytes) override {
    co_return co_await offload([state = state_, bytes] { return state->next(bytes); });
  }

 private:
  struct State {
    explicit State(RocksdbStore& from) : store(from), snapshot(from.take_snapshot()) {}
    RocksdbStore& store;
    std::shared_ptr<const rocksdb::Snapshot> snapshot;
    std::unique_ptr<rocksdb::Iterator> it;

    std::vector<Record> next(std::size_t bytes) {
      std::vector<Record> records;
      for (std::size_t taken = 0; it->Valid() && taken < bytes; it->Next()) {
        taken += it->key().size() + it->value().size();
        records.push_back(store.record_at(*it));
      }
      store.must(it->status());
      return records;
    }
  };

  std::shared_ptr<State> state_;
  Revision revision_{};
};

Task<std::unique_ptr<Snapshot>> RocksdbStore::snapshot() {
  co_return co_await offload(
      [this]() -> std::unique_ptr<Snapshot> { return std::make_unique<Reader>(*this); });
}

}  // namespace storage
