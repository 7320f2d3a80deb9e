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

std::optional<Record>& RocksdbStore::look_up(Overlay& overlay, const std::string& key) {
  auto it = overlay.find(key);
  if (it == overlay.end()) it = overlay.emplace(key, read(key)).first;
  return it->second;
}

std::optional<std::size_t> RocksdbStore::failed_compare(const Transaction& transaction,
                                                        Overlay& overlay) {
  for (std::size_t i = 0; i < transaction.compares.size(); ++i) {
    const auto& present = look_up(overlay, transaction.compares[i].key);
    if ((present ? present->modified : Revision{}) != transaction.compares[i].expected) return i;
  }
  return {};
}

// The write at index i has the revision `first` + i, though it may be no event.
std::vector<Event> RocksdbStore::apply(Transaction& transaction, Revision first, Overlay& overlay,
                                       rocksdb::WriteBatch& batch) {
  std::vector<Event> events;
  for (std::size_t i = 0; i < transaction.writes.size(); ++i) {
    Write& change = transaction.writes[i];
    Event event{Revision{number(first) + i}, change.key, {}};
    std::optional<Record>& state = look_up(overlay, change.key);
    if (!change.value && !state) continue;
    std::optional<Record> previous = std::move(state);
    if (change.value) {
      Revision created = previous ? previous->created : event.revision;
      event.current = Record{change.key, std::move(*change.value), created, event.revision};
      batch.Put(kv_, change.key, format::encode_record(*event.current));
    } else {
      batch.Delete(kv_, change.key);
    }
    auto present = event.current ? format::Present::Yes : format::Present::No;
    batch.Put(log_, format::log_key(event.revision),
              format::encode_log(change.key, present, previous));
    state = event.current;
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
      results[i] = {false, revision, revision, *failed};
      continue;
    }
    Revision first{number(revision) + 1};
    events[i] = apply(transaction, first, overlay, writes);
    bool changed = !events[i].empty();
    if (changed) revision = Revision{number(revision) + transaction.writes.size()};
    results[i] = {true, changed ? first : revision, revision};
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
