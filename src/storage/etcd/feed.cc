#include "storage/etcd/feed.h"

#include <cstdlib>

#include "base/error.h"
#include "base/log.h"

namespace storage::etcd {
namespace {

constexpr Duration kFirstPause = 20ms;
constexpr Duration kLongestPause = 1s;

// Whoever supervises the process starts it again, and it loads everything anew.
[[noreturn]] void stop_over_gap(Revision seen, Revision compacted) {
  log(LogLevel::Error, "storage",
      "etcd has compacted changes that this server has not seen; stopping, to be started anew",
      {{"seen", std::to_string(number(seen))}, {"compacted", std::to_string(number(compacted))}});
  std::_Exit(1);
}

}  // namespace

std::optional<std::string_view> Keys::parse(std::string_view key) const {
  std::string start = objects();
  if (!key.starts_with(start)) return {};
  return key.substr(start.size());
}

Record record_of(const KeyValue& record, std::string_view key, std::shared_ptr<const void> owner) {
  return {std::string(key), Bytes(std::move(owner), record.value), record.created, record.modified};
}

Event event_of(const WatchEvent& event, std::string_view key,
               const std::shared_ptr<const void>& owner) {
  Event out{event.current.modified, std::string(key), {}, {}};
  if (!event.deleted) out.current = record_of(event.current, key, owner);
  if (event.has_previous) out.previous = record_of(event.previous, key, owner);
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
    Revision revision = rest.front().current.modified;
    std::size_t count = 1;
    while (count < rest.size() && rest[count].current.modified == revision) ++count;
    deliver(rest.first(count), revision, owner);
    rest = rest.subspan(count);
  }
}

Feed::Feed(Members& members, Keys keys, OnControl on_control)
    : members_(members), keys_(std::move(keys)), on_control_(std::move(on_control)) {}

void Feed::wait(Revision revision, Resolver<Revision> done) {
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

void Feed::advance(Revision revision) {
  if (revision > seen()) seen_.store(number(revision), std::memory_order_release);
  auto last = waiters_.upper_bound(seen());
  for (auto it = waiters_.begin(); it != last; ++it) it->second.done.resolve(it->first);
  waiters_.erase(waiters_.begin(), last);
}

void Feed::deliver(Observer& observer, std::span<const WatchEvent> changes, Revision revision,
                   const std::shared_ptr<const void>& owner) {
  if (revision <= seen()) return;
  std::vector<Event> events;
  events.reserve(changes.size());
  for (const WatchEvent& change : changes) {
    if (auto key = keys_.parse(change.current.key)) events.push_back(event_of(change, *key, owner));
  }
  observer.on_commit(events, revision);
  advance(revision);
  for (const WatchEvent& change : changes) {
    if (!keys_.parse(change.current.key)) on_control_(change);
  }
}

Task<> Feed::follow(Observer& observer) {
  Answer failure;
  Revision start{number(seen()) + 1};
  auto stream = co_await members_.open(
      kWatch, encode(WatchRequest{keys_.start(), keys_.end(), start}), &failure);
  if (!stream) throw Error(Reason::ServiceUnavailable, failure.text);
  RevisionReader reader;
  while (auto text = co_await stream->read()) {
    auto message = std::make_shared<const std::string>(std::move(*text));
    WatchAnswer answer = parse_watch(*message);
    if (answer.compacted != Revision{}) stop_over_gap(seen(), answer.compacted);
    if (answer.canceled) {
      members_.ended(*stream, answer.reason);
      throw Error(Reason::ServiceUnavailable, std::string(answer.reason));
    }
    // Without events it tells that there have been none up to its revision.
    bool progress = answer.events.empty() && !answer.created && !answer.fragment;
    Revision revision = answer.revision;
    reader.add(
        message, std::move(answer),
        [&](std::span<const WatchEvent> events, Revision at,
            const std::shared_ptr<const void>& owner) { deliver(observer, events, at, owner); });
    if (progress && revision > seen()) {
      observer.on_commit({}, revision);
      advance(revision);
    }
  }
  members_.ended(*stream, "");
  throw Error(Reason::ServiceUnavailable, stream->outcome().text);
}

Task<> Feed::run(Observer& observer, Revision revision) {
  seen_.store(number(revision), std::memory_order_release);
  running_ = true;
  Duration pause = kFirstPause;
  while (true) {
    Revision before = seen();
    std::string why;
    try {
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
