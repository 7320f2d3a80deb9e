// The keys that wait to be looked at: each at most once, never two reconciles of one key at a time.
// Loop-bound.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>

#include "base/task.h"
#include "controller/controller.h"

namespace controller {

class Queue {
 public:
  void add(const Key& key);
  Task<Key> take();           // waits for one
  void done(const Key& key);  // its reconcile has ended; it runs again if it was added meanwhile
  std::size_t failures(const Key& key) const;
  void failed(const Key& key) { ++failures_[key]; }
  void succeeded(const Key& key) { failures_.erase(key); }
  bool idle() const { return waiting_.empty() && running_.empty(); }

 private:
  void wake();

  std::deque<Key> waiting_;
  std::set<Key> queued_;  // in waiting_
  std::set<Key> running_;
  std::set<Key> again_;  // running, and to be run once more
  std::map<Key, std::size_t> failures_;
  std::deque<Resolver<Done>> takers_;
};

}  // namespace controller
