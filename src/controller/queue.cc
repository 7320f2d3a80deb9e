#include "controller/queue.h"

namespace controller {

void Queue::wake() {
  while (!takers_.empty()) {
    auto taker = std::move(takers_.front());
    takers_.pop_front();
    if (taker.settled()) continue;  // it was cancelled
    taker.resolve(Done{});
    return;
  }
}

void Queue::add(const Key& key) {
  if (running_.contains(key)) {
    again_.insert(key);
    return;
  }
  if (!queued_.insert(key).second) return;
  waiting_.push_back(key);
  wake();
}

Task<Key> Queue::take() {
  while (waiting_.empty()) {
    co_await wait_for([this](Resolver<Done> done) { takers_.push_back(done); });
  }
  Key key = std::move(waiting_.front());
  waiting_.pop_front();
  queued_.erase(key);
  running_.insert(key);
  if (!waiting_.empty()) wake();
  co_return key;
}

void Queue::done(const Key& key) {
  running_.erase(key);
  if (again_.erase(key) > 0) add(key);
}

std::size_t Queue::failures(const Key& key) const {
  auto it = failures_.find(key);
  return it == failures_.end() ? 0 : it->second;
}

}  // namespace controller
