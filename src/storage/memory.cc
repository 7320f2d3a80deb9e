#include "storage/memory.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <mutex>

#include "base/check.h"
#include "storage/rewind.h"

namespace storage {

struct MemoryStore::State {
  mutable std::mutex mutex;
  std::map<std::string, Record> records;  // guarded by mutex, like all below
  std::vector<PastEvent> log;
  Revision newest{1};
  Revision oldest{1};
  Observer* observer = nullptr;
  std::size_t failures = 0;

  Revision modified(const std::string& key) const {
    auto it = records.find(key);
    return it == records.end() ? Revision{} : it->second.modified;
  }

  // What happened; the write at index i has the revision `first` + i.
  std::vector<PastEvent> apply(std::vector<Write> writes, Revision first) {
    std::vector<PastEvent> events;
    for (std::size_t i = 0; i < writes.size(); ++i) {
      Write& write = writes[i];
      Revision revision{number(first) + i};
      auto present = records.find(write.key);
      if (!write.value && present == records.end()) continue;
      PastEvent event{{revision, write.key, {}}, {}};
      if (present != records.end()) event.previous = present->second;
      if (write.value) {
        Revision created = event.previous ? event.previous->created : revision;
        event.current = Record{write.key, std::move(*write.value), created, revision};
        records[write.key] = *event.current;
      } else {
        records.erase(present);
      }
      events.push_back(std::move(event));
    }
    return events;
  }

  std::vector<Record> select(const std::string& start, const std::string& end) const {
    std::vector<Record> found;
    auto last = end.empty() ? records.end() : records.lower_bound(end);
    for (auto it = records.lower_bound(start); it != last; ++it) found.push_back(it->second);
    return found;
  }

  std::vector<PastEvent> since(Revision revision) const {
    std::vector<PastEvent> events;
    for (const PastEvent& event : log) {
      if (event.revision > revision) events.push_back(event);
    }
    return events;
  }
};

MemoryStore::MemoryStore() : state_(std::make_unique<State>()) {}
MemoryStore::~MemoryStore() = default;

Task<CommitResult> MemoryStore::commit(Transaction transaction) {
  std::lock_guard lock(state_->mutex);
  if (state_->failures > 0) {
    --state_->failures;
    throw Error(Reason::InsufficientStorage, "the disk is full");
  }
  if (size_of(transaction) > kMaxTransactionBytes) throw too_large(size_of(transaction));
  CHECK(values_come_first(transaction));
  for (std::size_t i = 0; i < transaction.compares.size(); ++i) {
    const Compare& compare = transaction.compares[i];
    if (state_->modified(compare.key) != compare.expected) {
      co_return CommitResult{false, state_->newest, state_->newest, i};
    }
  }
  std::size_t count = transaction.writes.size();
  Revision first{number(state_->newest) + 1};
  auto changes = state_->apply(std::move(transaction.writes), first);
  if (changes.empty()) co_return CommitResult{true, state_->newest, state_->newest};
  state_->newest = Revision{number(state_->newest) + count};
  std::vector<Event> events(changes.begin(), changes.end());
  std::ranges::move(changes, std::back_inserter(state_->log));
  if (state_->observer) state_->observer->on_commit(events, state_->newest);
  co_return CommitResult{true, first, state_->newest};
}

Task<std::optional<Record>> MemoryStore::find(std::string key) {
  std::lock_guard lock(state_->mutex);
  auto it = state_->records.find(key);
  co_return it == state_->records.end() ? std::nullopt : std::optional(it->second);
}

Task<RangeResult> MemoryStore::range(RangeOptions options) {
  std::lock_guard lock(state_->mutex);
  auto records = state_->select(options.start, options.end);
  Revision revision = options.revision == Revision{} ? state_->newest : options.revision;
  if (revision < state_->oldest) throw compacted(revision, state_->oldest);
  records = rewind(std::move(records), state_->since(revision), options.start, options.end);
  co_return page_of(std::move(records), options, revision);
}

Revision MemoryStore::attach(Load load, Observer& observer) {
  std::lock_guard lock(state_->mutex);
  CHECK(state_->observer == nullptr);
  for (const auto& [key, record] : state_->records) load(0, view_of(record));
  state_->observer = &observer;
  return state_->newest;
}

Task<std::vector<PastEvent>> MemoryStore::history(Revision since, std::size_t limit, NewestValues,
                                                  KeyFilter wanted) {
  std::lock_guard lock(state_->mutex);
  if (since < state_->oldest) throw compacted(since, state_->oldest);
  auto events = state_->since(since);
  if (wanted) std::erase_if(events, [&](const PastEvent& event) { return !wanted(event.key); });
  if (events.size() > limit) events.resize(limit);
  co_return events;
}

Task<> MemoryStore::compact(Revision revision) {
  std::lock_guard lock(state_->mutex);
  if (revision > state_->newest) revision = state_->newest;
  if (revision <= state_->oldest) co_return;
  state_->oldest = revision;
  std::erase_if(state_->log, [&](const PastEvent& event) { return event.revision <= revision; });
}

Revision MemoryStore::newest() const {
  std::lock_guard lock(state_->mutex);
  return state_->newest;
}

Revision MemoryStore::oldest() const {
  std::lock_guard lock(state_->mutex);
  return state_->oldest;
}

Health MemoryStore::health() const {
  std::lock_guard lock(state_->mutex);
  if (state_->failures > 0) return {false, "the disk is full; free some space"};
  return {};
}

void MemoryStore::fail_commits(std::size_t count) {
  std::lock_guard lock(state_->mutex);
  state_->failures = count;
}

}  // namespace storage
