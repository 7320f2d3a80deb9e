// The log of events: reading it back, and forgetting what is older than Options::history.
#include <fmt/format.h>
#include <rocksdb/convenience.h>
#include <rocksdb/experimental.h>

#include "base/log.h"
#include "storage/rewind.h"
#include "storage/rocksdb_store.h"

namespace storage {
namespace {

constexpr Duration kCompactionDelay = 10s;
constexpr std::size_t kMaxPassed = 200'000;  // events that are looked at for some of them
constexpr std::uint64_t kFewWrites = 100;
constexpr std::uint64_t kWorthFlushing = 1024 * 1024;
constexpr std::uint64_t kMaxJournalBytes = 64 * 1024 * 1024;  // all of it is read again at a start

Error too_much(Revision since) {
  return {Reason::Expired,
          fmt::format("too much has happened since revision {} to look through", number(since))};
}

}  // namespace

std::vector<PastEvent> RocksdbStore::events_since(Revision since,
                                                  std::shared_ptr<const rocksdb::Snapshot> at,
                                                  NewestValues newest, const KeyFilter& wanted) {
  rocksdb::ReadOptions options;
  options.snapshot = at.get();
  options.fill_cache = false;  // it is read once
  std::vector<format::LogEntry> entries;
  std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options, log_));
  // Only now: an iterator keeps its files, but what was dropped before it was made is gone for
  // older snapshots too.
  if (since < oldest()) throw compacted(since, oldest());
  std::size_t passed = 0;
  for (it->Seek(format::log_key(Revision{number(since) + 1})); it->Valid(); it->Next()) {
    if (wanted) {
      if (++passed > kMaxPassed) throw too_much(since);
      auto key = format::key_of_log(it->value().ToStringView());
      if (key && !wanted(*key)) continue;
    }
    auto entry = format::decode_log(it->key().ToStringView(), it->value().ToStringView());
    if (!entry) must(rocksdb::Status::Corruption("malformed entry of the log"));
    entries.push_back(std::move(*entry));
  }
  must(it->status());

  // From the newest back: what an event wrote is what the key's next event replaced.
  std::unordered_map<std::string, std::optional<Record>> state;
  std::vector<PastEvent> events(entries.size());
  for (std::size_t i = entries.size(); i-- > 0;) {
    format::LogEntry& entry = entries[i];
    auto [place, is_new] = state.try_emplace(entry.key);
    if (is_new && newest == NewestValues::Included) {
      place->second = read(entry.key, at.get());
    } else if (is_new && entry.present) {
      place->second = Record{entry.key, Bytes(), Revision{}, entry.revision};
    }
    events[i] = {{entry.revision, entry.key, place->second}, entry.previous};
    place->second = std::move(entry.previous);
  }
  return events;
}

Revision RocksdbStore::history_start(std::size_t events) const {
  std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(rocksdb::ReadOptions(), log_));
  it->SeekToLast();
  for (std::size_t passed = 0; it->Valid() && passed < events; ++passed) it->Prev();
  must(it->status());
  if (!it->Valid()) return oldest();
  Revision before{format::decode_number(it->key().ToStringView()).value_or(0)};
  return std::max(oldest(), before);
}

void RocksdbStore::drop_history(Revision revision, Who who) {
  std::string first = format::log_key(Revision{});
  std::string end = format::log_key(Revision{number(revision) + 1});
  {
    Turn turn(*this, who);
    if (!turn.held || revision <= oldest()) return;
    Batch batch;
    batch.newest = newest();
    batch.writes.DeleteRange(log_, first, end);
    batch.writes.Put(meta_, "oldest", format::encode_number(number(revision)));
    batch.writes.Put(meta_, "newest", format::encode_newest(batch.newest, journal_->next()));
    // Published first: a reader that starts now must not expect what is about to go.
    oldest_.store(number(revision), std::memory_order_release);
    if (!write(batch) || !insert(batch, From::Disk)) return;
  }
  // Whole files go at once, without a compaction; the rest is compacted in the background.
  rocksdb::Slice from(first), to(end);
  auto status = rocksdb::DeleteFilesInRange(db_.get(), log_, &from, &to, false);
  if (status.ok()) status = begin_flush();
  if (status.ok()) status = rocksdb::experimental::SuggestCompactRange(db_.get(), log_, &from, &to);
  if (!status.ok()) {
    log(LogLevel::Warning, "storage", "dropped history takes room until it is compacted",
        {{"error", status.ToString()}});
  }
}

// Not at once when the store is opened: it would take the processor from the start.
void RocksdbStore::start_compaction() {
  if (compacting_ || Clock::now() - opened_.load() < kCompactionDelay) return;
  must(db_->EnableAutoCompaction({kv_, log_, meta_}));
  compacting_ = true;
}

// Once it is quiet, what is in memory only goes into files: a start would read it again, and after
// a large deletion it is memory for nothing.
void RocksdbStore::flush_what_is_old() {
  if (Turn turn(*this, Who::Committer); turn.held) journal_->trim();
  std::uint64_t bytes = 0;
  for (auto* family : {kv_, log_}) {
    std::uint64_t of_family = 0;
    db_->GetIntProperty(family, rocksdb::DB::Properties::kCurSizeAllMemTables, &of_family);
    bytes += of_family;
  }
  if (bytes < kWorthFlushing || !writable_) return;
  flush();
}

// Of all families at once: what one file has, the others must not lack.
rocksdb::Status RocksdbStore::begin_flush() {
  rocksdb::FlushOptions options;
  options.wait = false;
  return db_->Flush(options, {kv_, log_, meta_});
}

void RocksdbStore::flush() {
  auto status = begin_flush();
  if (!status.ok()) {
    log(LogLevel::Warning, "storage", "what is in memory was not written into files",
        {{"error", status.ToString()}});
  }
}

void RocksdbStore::shorten_journal() {
  if (background_->flushed.exchange(false)) {
    flush_begun_ = false;
    rocksdb::ReadOptions options;
    options.read_tier = rocksdb::kPersistedTier;  // what is in tables
    std::string text;
    auto status = db_->Get(options, meta_, "newest", &text);
    if (!status.IsNotFound()) must(status);
    journal_->forget(format::decode_journal(text));
  }
  if (journal_->bytes() < kMaxJournalBytes || flush_begun_ || !writable_) return;
  flush_begun_ = true;
  flush();
}

void RocksdbStore::keep_history() {
  auto now = Clock::now();
  if (marks_.empty() || now - marks_.back().first > options_.history / 30) {
    if (!marks_.empty() && number(newest()) - number(marks_.back().second) < kFewWrites) {
      flush_what_is_old();
    }
    marks_.emplace_back(now, newest());
    acknowledged_->sync();
  }
  Revision drop{};
  while (marks_.size() > 1 && now - marks_.front().first > options_.history) {
    drop = marks_.front().second;
    marks_.pop_front();
  }
  if (drop != Revision{} && writable_) drop_history(drop, Who::Committer);
}

}  // namespace storage
