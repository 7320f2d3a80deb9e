#include "storage/etcd/feed.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "storage/etcd/reads.h"
#include "storage/etcd/revisions.h"

namespace storage::etcd {
namespace {

constexpr Duration kFirstPause = 20ms;
constexpr Duration kLongestPause = 1s;

constexpr const char* kControlKeys[] = {"leader", "compacted"};  // those that on_control is about

}  // namespace

std::optional<std::string_view> Keys::parse(std::string_view key) const {
  std::string start = objects();
  if (!key.starts_with(start)) return {};
  return key.substr(start.size());
}

RecordView view_of(const KeyValue& record, std::string_view key) {
  auto [index, text] = parse_value(record.value);
  // The index that it had when it was created is known of what has not changed since.
  std::size_t first = record.created == record.modified ? index : 0;
  return {key, text, revision_of(record.created, first), revision_of(record.modified, index)};
}

Record record_of(const KeyValue& record, std::string_view key, std::shared_ptr<const void> owner) {
  RecordView view = view_of(record, key);
  return {std::string(key), Bytes(std::move(owner), view.value), view.created, view.modified};
}

Event event_of(const WatchEvent& event, std::size_t index, std::string_view key,
               const std::shared_ptr<const void>& owner) {
  // Of commits that went together some may have failed: marks tell of the gaps that they left.
  if (!event.deleted) index = std::max(index, parse_value(event.current.value).index);
  Event out{revision_of(event.current.modified, index), std::string(key), {}};
  if (!event.deleted) {
    out.current = record_of(event.current, key, owner);
    out.current->modified = out.revision;
  }
  return out;
}

void RevisionReader::add(std::shared_ptr<const std::string> message, WatchAnswer answer,
                         const Deliver& deliver) {
  std::shared_ptr<const void> owner = message;
  if (!events_.empty() || answer.fragment) {
    owners_.push_back(message);
    events_.insert(events_.end(), answer.events.begin(), answer.events.end());
    if (answer.fragment) return;
    answer.events = std::exchange(events_, {});
    owner = std::make_shared<std::vector<std::shared_ptr<const void>>>(std::exchange(owners_, {}));
  }
  std::span<const WatchEvent> rest = answer.events;
  while (!rest.empty()) {
    EtcdRevision revision = rest.front().current.modified;
    std::size_t count = 1;
    while (count < rest.size() && rest[count].current.modified == revision) ++count;
    deliver(rest.first(count), revision, owner);
    rest = rest.subspan(count);
  }
}

Feed::Feed(Members& members, Keys keys, OnControl on_control)
    : members_(members), keys_(std::move(keys)), on_control_(std::move(on_control)) {}

void Feed::wait(EtcdRevision revision, Resolver<EtcdRevision> done) {
  if (!running_ || seen() >= revision) return done.resolve(revision);
  waiters_.emplace(revision, Waiter{std::chrono::steady_clock::now(), std::move(done)});
}

void Feed::check(Duration limit) {
  auto oldest = std::chrono::steady_clock::now() - limit;
  std::erase_if(waiters_, [&](const auto& one) {
    if (one.second.since > oldest) return false;
    Error late(Reason::Timeout, "etcd does not send the changes that it has acknowledged");
    one.second.done.fail(std::make_exception_ptr(late));
    return true;
  });
}

void Feed::advance(EtcdRevision revision) {
  if (revision > seen()) seen_.store(number(revision), std::memory_order_release);
  auto last = waiters_.upper_bound(seen());
  for (auto it = waiters_.begin(); it != last; ++it) it->second.done.resolve(it->first);
  waiters_.erase(waiters_.begin(), last);
}

void Feed::deliver(Observer& observer, std::span<const WatchEvent> changes, EtcdRevision revision,
                   const std::shared_ptr<const void>& owner) {
  if (revision <= seen()) return;
  std::vector<Event> events;
  events.reserve(changes.size());
  for (std::size_t i = 0; i < changes.size(); ++i) {
    auto key = keys_.parse(changes[i].current.key);
    if (key) events.push_back(event_of(changes[i], i, *key, owner));
  }
  observer.on_commit(events, end_of(revision));
  advance(revision);
  for (const WatchEvent& change : changes) {
    if (!keys_.parse(change.current.key)) on_control_(change);
  }
}

Task<> Feed::follow(Observer& observer) {
  Answer failure;
  EtcdRevision start{number(seen()) + 1};
  auto stream = co_await members_.open(
      kWatch, encode(WatchRequest{keys_.start(), keys_.end(), start}), &failure);
  if (!stream) throw Error(Reason::ServiceUnavailable, failure.text);
  RevisionReader reader;
  while (auto text = co_await stream->read()) {
    auto message = std::make_shared<const std::string>(std::move(*text));
    WatchAnswer answer = parse_watch(*message);
    if (answer.compacted != EtcdRevision{}) {
      forgotten_ = true;
      throw Error(Reason::Expired, "etcd has compacted changes that this server has not seen");
    }
    if (answer.canceled) {
      members_.ended(*stream, answer.reason);
      throw Error(Reason::ServiceUnavailable, std::string(answer.reason));
    }
    // Without events it tells that there have been none up to its revision.
    bool progress = answer.events.empty() && !answer.created && !answer.fragment;
    EtcdRevision revision = answer.revision;
    reader.add(
        message, std::move(answer),
        [&](std::span<const WatchEvent> events, EtcdRevision at,
            const std::shared_ptr<const void>& owner) { deliver(observer, events, at, owner); });
    if (progress && revision > seen()) {
      observer.on_commit({}, end_of(revision));
      advance(revision);
    }
  }
  members_.ended(*stream, "");
  throw Error(Reason::ServiceUnavailable, stream->outcome().text);
}

Task<> Feed::load_anew(Observer& observer) {
  auto reload = observer.reload();
  if (!reload) throw Error(Reason::ServiceUnavailable, "everything is to be loaded anew");
  log(LogLevel::Warning, "storage", "loading everything anew",
      {{"seen", std::to_string(number(seen()))}});
  EtcdRevision revision = co_await read_objects(
      members_, keys_, [&](const RecordView& record) { reload->add(record); });
  reload->finish(end_of(revision));
  advance(revision);
  co_await tell_control(revision);
  forgotten_ = false;
}

// Tells what control keys are now: those that are gone may have been deleted.
Task<> Feed::tell_control(EtcdRevision revision) {
  for (const char* name : kControlKeys) {
    Answer answer = co_await read_key(members_, keys_.control(name), false);
    RangeAnswer found = parse_range(answer.text);
    std::string key = keys_.control(name);
    WatchEvent event{.deleted = true, .current = {.key = key, .modified = revision}};
    if (!found.records.empty()) event = {.current = found.records.front()};
    on_control_(event);
  }
}

Task<> Feed::run(Observer& observer, EtcdRevision revision) {
  seen_.store(number(revision), std::memory_order_release);
  running_ = true;
  Duration pause = kFirstPause;
  while (true) {
    EtcdRevision before = seen();
    std::string why;
    try {
      if (forgotten_) co_await load_anew(observer);
      co_await follow(observer);
    } catch (const Error& error) {
      why = error.message();
    }
    if (seen() > before) pause = kFirstPause;
    log(LogLevel::Info, "storage", "the watch on etcd has ended; beginning another",
        {{"seen", std::to_string(number(seen()))}, {"why", why}});
    co_await sleep_for(pause);
    pause = std::min(2 * pause, kLongestPause);
  }
}

}  // namespace storage::etcd
