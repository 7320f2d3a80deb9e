// The change feed: one watch over all of the store's keys, renewed when it breaks, as a sequence of
// whole revisions. Knows how far the observer has seen. Loop-bound, but for seen().
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <string>

#include "storage/etcd/members.h"
#include "storage/etcd/messages.h"
#include "storage/store.h"

namespace storage::etcd {

// Where things are in etcd.
struct Keys {
  std::string prefix;  // "/kcp"

  std::string objects() const { return prefix + "/objects"; }
  std::string of(const std::string& key) const { return objects() + key; }
  std::string control(const char* name) const { return prefix + "/control/" + name; }
  // The bounds of everything, control keys too.
  std::string start() const { return prefix + "/"; }
  std::string end() const { return prefix_end(start()); }
  // The store's key, or nothing for a control key; a view into `key`.
  std::optional<std::string_view> parse(std::string_view key) const;
};

// A record under its store's key `key`; the text within etcd's message, which `owner` keeps.
RecordView view_of(const KeyValue& record, std::string_view key);
Record record_of(const KeyValue& record, std::string_view key, std::shared_ptr<const void> owner);

// Puts the events of a watch's answers together into whole revisions.
class RevisionReader {
 public:
  // `deliver` gets all events of one revision. The message's bytes are shared, not copied.
  using Deliver = std::function<void(std::span<const WatchEvent> events, EtcdRevision revision,
                                     const std::shared_ptr<const void>& owner)>;
  void add(std::shared_ptr<const std::string> message, WatchAnswer answer, const Deliver& deliver);

 private:
  // Of a revision that is not complete.
  std::vector<WatchEvent> events_;
  std::vector<std::shared_ptr<const void>> owners_;
};

// The change at `index` of its transaction.
Event event_of(const WatchEvent& event, std::size_t index, std::string_view key,
               const std::shared_ptr<const void>& owner);

class Feed {
 public:
  // Told of changes of control keys, after the observer has seen the revision.
  using OnControl = std::function<void(const WatchEvent& event)>;
  Feed(Members& members, Keys keys, OnControl on_control);

  // Feeds `observer` with everything after `revision`, until cancelled. If etcd has forgotten what
  // is missing, the observer takes in everything anew, and so do control keys.
  Task<> run(Observer& observer, EtcdRevision revision);

  bool running() const { return running_; }
  EtcdRevision seen() const { return EtcdRevision{seen_.load(std::memory_order_acquire)}; }
  // Resolves once `revision` has been seen; at once if there is no observer.
  void wait(EtcdRevision revision, Resolver<EtcdRevision> done);
  bool waiting() const { return !waiters_.empty(); }
  // Fails those who have waited for longer than `limit`.
  void check(Duration limit);

 private:
  struct Waiter {
    std::chrono::steady_clock::time_point since;
    Resolver<EtcdRevision> done;
  };
  Task<> follow(Observer& observer);
  Task<> load_anew(Observer& observer);
  Task<> tell_control(EtcdRevision revision);
  void deliver(Observer& observer, std::span<const WatchEvent> events, EtcdRevision revision,
               const std::shared_ptr<const void>& owner);
  void advance(EtcdRevision revision);

  Members& members_;
  const Keys keys_;
  const OnControl on_control_;
  std::atomic<std::uint64_t> seen_ = 0;
  bool running_ = false;
  bool forgotten_ = false;  // etcd has not kept what comes after seen()
  std::multimap<EtcdRevision, Waiter> waiters_;
};

}  // namespace storage::etcd
