// Who depends on whom, over all logical clusters: objects with owner references, by their owners'
// uids. Fed by the cache's events; hands out what must be looked at. Memory in proportion to the
// number of objects that have owners. Thread-safe. Source: reference kcp-apis.md 5.2.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/task.h"
#include "cache/cache.h"
#include "controllers/place.h"

namespace controllers {

class OwnerIndex {
 public:
  // From the store's thread, in commit order.
  void on_event(const cache::TableId& table, const cache::Event& event);

  // Between these two there is something to take: first all that depends or is being deleted, then
  // what changes. Otherwise somebody else collects, and nothing is queued.
  void begin();
  void end();

  // The objects that name `uid` as an owner.
  std::vector<Place> dependents(std::string_view cluster, const std::string& uid) const;
  // The owner waits until its dependents have gone: each that goes has it looked at again.
  void await_dependents(const std::string& uid, Place owner);

  void add(Place place);  // to be looked at
  Task<Place> take();     // waits for one; on any loop

 private:
  using Owner = std::pair<std::string, std::string>;  // cluster, uid
  void push(Place place);                             // requires mutex_
  void forget(const Place& place, const cache::Item& item);

  mutable std::mutex mutex_;
  std::map<Owner, std::set<Place>> dependents_;  // guarded by mutex_, like all below
  std::map<std::string, Place> waiting_owners_;  // by uid
  std::set<Place> deleting_;                     // objects that are being deleted
  bool active_ = false;
  std::deque<Place> queue_;
  std::set<Place> queued_;
  std::deque<Resolver<Done>> takers_;
};

}  // namespace controllers
