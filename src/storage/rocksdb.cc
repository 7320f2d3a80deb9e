#include "storage/rocksdb.h"

#include "base/check.h"
#include "storage/rocksdb_store.h"

namespace storage {

RocksdbStore::RocksdbStore(RocksdbOptions options) : options_(std::move(options)) {
  open();
  committer_ = std::thread([this] { serve(); });
}

RocksdbStore::~RocksdbStore() {
  {
    std::lock_guard lock(alive_->mutex);
    alive_->store = nullptr;
  }
  {
    std::lock_guard lock(queue_mutex_);
    stopping_ = true;
  }
  queue_ready_.notify_one();
  turn_free_.notify_all();
  committer_.join();
  journal_.reset();
  acknowledged_->sync();
  close();
}

Task<CommitResult> RocksdbStore::commit(Transaction transaction) {
  if (std::size_t bytes = size_of(transaction); bytes > kMaxTransactionBytes) {
    throw too_large(bytes);
  }
  CHECK(values_come_first(transaction));
  Loop& loop = co_await current_loop();
  co_return co_await wait_for<CommitResult>([&](Resolver<CommitResult> done) {
    enqueue({std::move(transaction), std::move(done)}, loop);
  });
}

Task<std::optional<Record>> RocksdbStore::find(std::string key) {
  co_return co_await offload([this, key = std::move(key)] { return read(key); });
}

Task<RangeResult> RocksdbStore::range(RangeOptions options) {
  co_return co_await offload([this, options = std::move(options)] { return read_range(options); });
}

Task<std::vector<PastEvent>> RocksdbStore::history(Revision since, std::size_t limit,
                                                   NewestValues newest, KeyFilter wanted) {
  co_return co_await offload([this, since, limit, newest, wanted = std::move(wanted)] {
    auto events = events_since(since, take_snapshot(), newest, wanted);
    if (events.size() > limit) events.resize(limit);
    return events;
  });
}

Task<> RocksdbStore::compact(Revision revision) {
  co_await offload([this, revision] { drop_history(std::min(revision, newest()), Who::Other); });
}

std::unique_ptr<Store> open_rocksdb(RocksdbOptions options) {
  return std::make_unique<RocksdbStore>(std::move(options));
}

}  // namespace storage
