// The committer: one thread that turns what waits into one batch, writes it with one sync, tells
// the observer, then the writers.
#include "base/log.h"
#include "base/metrics.h"
#include "storage/rocksdb_store.h"

namespace storage {
namespace {

constexpr std::size_t kMaxBatchBytes = 1024 * 1024;

}  // namespace

void RocksdbStore::serve() {
  while (true) {
    std::vector<Pending> batch;
    {
      std::unique_lock lock(queue_mutex_);
      Duration patience = writable_ && !*stalled_ ? Duration(10s) : Duration(1s);
      queue_ready_.wait_for(lock, patience, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty() && stopping_) return;
      std::size_t bytes = 0;
      while (!queue_.empty() && batch.size() < options_.max_batch && bytes < kMaxBatchBytes) {
        bytes += size_of(queue_.front().transaction);
        batch.push_back(std::move(queue_.front()));
        queue_.pop_front();
      }
    }
    if (!batch.empty()) commit_batch(std::move(batch));
    start_compaction();
    recover_space();
    keep_history();
  }
}

std::optional<Record> RocksdbStore::look_up(const Overlay& overlay, const std::string& key) {
  auto it = overlay.find(key);
  return it != overlay.end() ? it->second : read(key);
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

bool RocksdbStore::write(rocksdb::WriteBatch& batch) {
  if (!has_space(batch.GetDataSize())) return refuse_writes();
  if (!recover_space()) return false;
  rocksdb::WriteOptions sync;
  sync.sync = true;
  static auto& seconds = metrics::histogram(
      "kcp_store_sync_seconds", "What one synced write of a batch takes.",
      {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5});
  auto began = std::chrono::steady_clock::now();
  auto status = db_->Write(sync, &batch);
  seconds.observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
  if (is_full(status)) return refuse_writes();
  must(status);
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
    acknowledged_->set(number(revision));
  }
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (observer_ && !events[i].empty()) observer_->on_commit(events[i], results[i].revision);
  }
  for (std::size_t i = 0; i < batch.size(); ++i) batch[i].done.resolve(results[i]);
}

}  // namespace storage
