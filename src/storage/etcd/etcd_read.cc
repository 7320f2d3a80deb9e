// Reads, history, and catching up with what others have written.
#include "base/error.h"
#include "base/log.h"
#include "storage/etcd/etcd_store.h"

namespace storage::etcd {
namespace {

constexpr Duration kBarrierAfter = 30ms;  // of a feed that stands still

}  // namespace

Task<std::optional<Record>> EtcdStore::find_here(std::string key) {
  Answer answer = co_await read_key(members_, keys_.of(key), false);
  auto message = std::make_shared<const std::string>(std::move(answer.text));
  RangeAnswer found = parse_range(*message);
  note_newest(found.revision);
  if (found.records.empty()) co_return std::nullopt;
  co_return record_of(found.records.front(), key, message);
}

Task<RangeResult> EtcdStore::range_here(RangeOptions options) {
  RangeRequest request{.key = keys_.of(options.start)};
  request.end = options.end.empty() ? prefix_end(keys_.objects()) : keys_.of(options.end);
  request.revision = transaction_of(options.revision);
  if (options.revision != Revision{} && options.revision < oldest()) {
    throw compacted(options.revision, oldest());
  }
  if (request.end <= request.key) co_return RangeResult{{}, newest(), false};
  RangeResult result;
  auto pages = co_await read_pages(
      members_, std::move(request), options.limit,
      [this, &result](const RangeAnswer& page, const std::shared_ptr<const std::string>& message) {
        for (const KeyValue& one : page.records) {
          result.records.push_back(record_of(one, *keys_.parse(one.key), message));
        }
      });
  result.revision = end_of(pages.revision);
  result.more = pages.more;
  co_return result;
}

Task<std::vector<PastEvent>> EtcdStore::history_here(Revision since, std::size_t limit,
                                                     KeyFilter wanted) {
  if (since < oldest()) throw compacted(since, oldest());
  if (end_of(co_await read_newest(members_, keys_)) <= since) co_return std::vector<PastEvent>{};
  EtcdRevision until{};
  std::optional<Error> failure;
  try {
    until = co_await put_barrier();
  } catch (const Error& error) {
    failure = error;
  }
  if (failure) {
    throw Error(Reason::Expired, "history cannot be read now: " + failure->message());
  }
  co_return co_await read_history(since, until, limit, std::move(wanted));
}

// Adds what happened behind `since` to `events`.
void EtcdStore::take_past(std::span<const WatchEvent> changes, Revision since,
                          const std::shared_ptr<const void>& owner, const KeyFilter& wanted,
                          std::vector<PastEvent>& events) const {
  for (std::size_t i = 0; i < changes.size(); ++i) {
    auto key = keys_.parse(changes[i].current.key);
    if (!key) continue;
    PastEvent event{event_of(changes[i], i, *key, owner), {}};
    if (event.revision <= since || (wanted && !wanted(event.key))) continue;
    if (changes[i].has_previous) event.previous = record_of(changes[i].previous, *key, owner);
    events.push_back(std::move(event));
  }
}

Task<std::vector<PastEvent>> EtcdStore::read_history(Revision since, EtcdRevision until,
                                                     std::size_t limit, KeyFilter wanted) {
  std::vector<PastEvent> events;
  // The rest of the transaction that `since` lies in belongs to it.
  EtcdRevision seen{number(transaction_of(since)) - (is_end(since) ? 0 : 1)};
  int attempts = 0;
  while (seen < until && events.size() < limit) {
    Answer failure;
    WatchRequest request{keys_.start(), keys_.end(), EtcdRevision{number(seen) + 1}, true};
    auto stream = co_await members_.open(kWatch, encode(request), &failure);
    RevisionReader reader;
    while (stream && seen < until && events.size() < limit) {
      auto text = co_await stream->read();
      if (!text) {
        failure = stream->outcome();
        members_.ended(*stream, "");
        break;
      }
      auto message = std::make_shared<const std::string>(std::move(*text));
      WatchAnswer answer = parse_watch(*message);
      note_oldest(answer.compacted);
      if (answer.compacted != EtcdRevision{}) throw compacted(since, end_of(answer.compacted));
      if (answer.canceled) {
        failure = {Code::Unavailable, std::string(answer.reason)};
        members_.ended(*stream, answer.reason);
        break;
      }
      reader.add(message, std::move(answer),
                 [&](std::span<const WatchEvent> changes, EtcdRevision revision,
                     const std::shared_ptr<const void>& owner) {
                   seen = revision;
                   if (revision > until) return;
                   take_past(changes, since, owner, wanted, events);
                 });
    }
    if (seen >= until || events.size() >= limit) break;
    if (++attempts == 5) throw to_error(failure, "reading history");
    co_await sleep_for(100ms);
  }
  if (events.size() > limit) events.resize(limit);
  co_return events;
}

// Readers who come while a read is under way wait for the next, which serves them all.
void EtcdStore::join_read(Resolver<EtcdRevision> done) {
  readers_.push_back(std::move(done));
  if (!std::exchange(reading_, true)) scope_.spawn("read", read_rounds());
}

Task<> EtcdStore::read_rounds() {
  struct Finish {
    EtcdStore& store;
    ~Finish() {
      store.reading_ = false;
      Error closed(Reason::ServiceUnavailable, "the store is closed");
      for (auto& one : store.readers_) one.fail(std::make_exception_ptr(closed));
      store.readers_.clear();
    }
  } finish{*this};
  while (!readers_.empty()) {
    auto served = std::exchange(readers_, {});
    std::exception_ptr failure;
    EtcdRevision revision{};
    try {
      revision = co_await read_newest(members_, keys_);
    } catch (const Error&) {
      failure = std::current_exception();
    }
    note_newest(revision);
    for (auto& one : served) {
      if (failure) {
        one.fail(failure);
      } else {
        feed_.wait(revision, std::move(one));
      }
    }
    nudge_if_needed();
  }
}

Task<> EtcdStore::wait_seen(EtcdRevision revision) {
  if (!feed_.running() || feed_.seen() >= revision) co_return;
  co_await wait_for<EtcdRevision>([&](Resolver<EtcdRevision> done) {
    feed_.wait(revision, std::move(done));
    nudge_if_needed();
  });
}

void EtcdStore::nudge_if_needed() {
  if (feed_.waiting() && !std::exchange(nudging_, true)) scope_.spawn("nudge", nudge());
}

// A revision that changed no key of ours never comes through the feed. If the feed stands still
// while somebody waits, a write of our own shows that everything before it has been seen.
Task<> EtcdStore::nudge() {
  struct Finish {
    bool& flag;
    ~Finish() { flag = false; }
  } finish{nudging_};
  while (feed_.waiting()) {
    EtcdRevision before = feed_.seen();
    co_await sleep_for(kBarrierAfter);
    if (!feed_.waiting() || feed_.seen() != before) continue;
    try {
      co_await put_barrier();
    } catch (const Error& error) {
      log(LogLevel::Debug, "storage", "no barrier", {{"error", error.message()}});
    }
    co_await sleep_for(kBarrierAfter);
  }
}

Task<EtcdRevision> EtcdStore::put_barrier() {
  TxnRequest request;
  request.changes.push_back({keys_.control("barrier"), ""});
  Answer answer = co_await members_.call(kTxn, encode(request), Repeat::Harmless);
  if (!answer.ok()) throw to_error(answer, "writing");
  EtcdRevision revision = parse_txn(answer.text).revision;
  note_newest(revision);
  co_return revision;
}

}  // namespace storage::etcd
