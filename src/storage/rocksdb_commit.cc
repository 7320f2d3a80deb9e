// The stages of a commit. A batch of transactions is looked up, made into revisions, written to the
// journal with one sync, put into RocksDB's memory, and told: first to the observer, then to the
// writers. Nothing is in RocksDB that is not durable, so no reader sees what could be lost.
#include "base/log.h"
#include "base/metrics.h"
#include "storage/rocksdb_store.h"

namespace storage {

std::optional<Record>& RocksdbStore::look_up(Overlay& overlay, const std::string& key) {
  auto it = overlay.find(key);
  if (it == overlay.end()) it = overlay.emplace(key, read(key)).first;
  return it->second;
}

// Brings all keys of the batch into its overlay; false: that cannot be done from memory.
bool RocksdbStore::look_up_in_memory(Batch& batch) {
  auto found = [&](const std::string& key) {
    if (batch.overlay.contains(key)) return true;
    auto record = read_from_memory(key);
    if (record) batch.overlay.emplace(key, std::move(*record));
    return record.has_value();
  };
  for (const Pending& one : batch.pending) {
    for (const Compare& compare : one.transaction.compares) {
      if (!found(compare.key)) return false;
    }
    for (const Write& write : one.transaction.writes) {
      if (!found(write.key)) return false;
    }
  }
  return true;
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

void RocksdbStore::prepare(Batch& batch) {
  static auto& batch_sizes =
      metrics::histogram("kcp_store_batch_transactions", "Transactions written with one sync.",
                         {1, 2, 4, 8, 16, 32, 64, 128, 256, 512});
  batch_sizes.observe(static_cast<double>(batch.pending.size()));
  Revision revision = newest();
  for (Pending& one : batch.pending) {
    Transaction& transaction = one.transaction;
    if (auto failed = failed_compare(transaction, batch.overlay)) {
      batch.results.push_back({false, revision, revision, *failed});
      batch.events.emplace_back();
      continue;
    }
    Revision first{number(revision) + 1};
    batch.events.push_back(apply(transaction, first, batch.overlay, batch.writes));
    bool changed = !batch.events.back().empty();
    if (changed) revision = Revision{number(revision) + transaction.writes.size()};
    batch.results.push_back({true, changed ? first : revision, revision});
  }
  if (batch.writes.Count() > 0) {
    batch.writes.Put(meta_, "newest", format::encode_newest(revision, journal_->next()));
  }
  batch.newest = revision;
  batch.prepared = true;
}

bool RocksdbStore::writable(const Batch& batch) {
  if (!has_space(batch.writes.GetDataSize())) return refuse_writes();
  return recover_space();
}

bool RocksdbStore::written(Batch& batch, int error) {
  static auto& seconds = metrics::histogram(
      "kcp_store_sync_seconds", "What one synced write of a batch takes.",
      {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5});
  seconds.observe(std::chrono::duration<double>(Clock::now() - batch.began).count());
  if (Journal::is_full(error)) return met_full_disk();
  must_write(error);
  batch.durable = true;
  return true;
}

bool RocksdbStore::write(Batch& batch) {
  batch.began = Clock::now();
  return written(batch, journal_->write(batch.writes.Data(), batch.newest));
}

bool RocksdbStore::insert(Batch& batch, From from) {
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  options.no_slowdown = from == From::Memory;
  auto status = db_->Write(options, &batch.writes);
  if (status.ok()) return true;
  if (from == From::Memory && (status.IsIncomplete() || is_full(status))) return false;
  if (!is_full(status)) must(status);
  // A flush has met a full disk since the batch was written: what is not in memory must not be in
  // the journal either.
  must_write(journal_->take_back());
  return met_full_disk();
}

void RocksdbStore::publish(Batch& batch) {
  if (batch.writes.Count() > 0) {
    newest_.store(number(batch.newest), std::memory_order_release);
    acknowledged_->set(number(batch.newest));
  }
  for (std::size_t i = 0; i < batch.pending.size(); ++i) {
    if (!observer_ || batch.events[i].empty()) continue;
    observer_->on_commit(batch.events[i], batch.results[i].revision);
  }
  for (std::size_t i = 0; i < batch.pending.size(); ++i) {
    batch.pending[i].done.resolve(batch.results[i]);
  }
}

void RocksdbStore::refuse(Batch& batch) {
  Error full(Reason::InsufficientStorage, health().message);
  for (Pending& one : batch.pending) one.done.fail(std::make_exception_ptr(full));
}

void RocksdbStore::commit(Batch& batch) {
  if (!batch.prepared) prepare(batch);
  if (batch.writes.Count() > 0) {
    if (!batch.durable && !(writable(batch) && write(batch))) return refuse(batch);
    if (!insert(batch, From::Disk)) return refuse(batch);
  }
  publish(batch);
}

}  // namespace storage
