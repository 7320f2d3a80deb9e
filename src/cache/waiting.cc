#include "cache/waiting.h"

#include <algorithm>

namespace cache {
namespace {

constexpr std::size_t kCrowd = 8;  // fewer read the ring each by himself

}  // namespace

WaitingRoom::Queue& WaitingRoom::join(std::string_view cluster) {
  std::lock_guard lock(mutex_);
  auto place = queues_.find(cluster);
  if (place == queues_.end()) {
    auto queue = std::make_unique<Queue>();
    queue->cluster = cluster;
    std::string_view name = queue->cluster;
    place = queues_.emplace(name, std::move(queue)).first;
  }
  ++place->second->members;
  return *place->second;
}

void WaitingRoom::leave(Queue& queue) {
  std::lock_guard lock(mutex_);
  if (--queue.members > 0) return;
  std::erase(woken_, &queue);
  auto place = queues_.find(queue.cluster);
  auto ended = std::move(place->second);  // the map's key lies in it
  queues_.erase(place);
}

void WaitingRoom::ring(std::span<const std::string_view> clusters, std::uint64_t first,
                       std::uint64_t end) {
  std::unique_lock lock(mutex_);
  rung_ = end;
  for (std::string_view cluster : clusters) {
    auto place = queues_.find(cluster);
    if (place != queues_.end()) wake(*place->second, first);
  }
  if (auto all = queues_.find(""); all != queues_.end()) wake(*all->second, first);
  post(std::move(lock));
}

void WaitingRoom::ring_all() {
  std::unique_lock lock(mutex_);
  for (auto& [cluster, queue] : queues_) wake(*queue, rung_);
  post(std::move(lock));
}

void WaitingRoom::post(std::unique_lock<std::mutex> lock) {
  if (woken_.empty() || std::exchange(posted_, true)) return;
  lock.unlock();
  loop_.post([self = shared_from_this()] { self->let_go_on(); });
}

void WaitingRoom::wake(Queue& queue, std::uint64_t first) {
  if (queue.waiting.empty()) return;
  ++queue.rings;
  if (queue.woken.empty()) {
    queue.first = first;
    if (std::ranges::find(woken_, &queue) == woken_.end()) woken_.push_back(&queue);
  }
  queue.woken.splice(queue.woken.end(), queue.waiting);
}

// One turn of the loop for all whom the events of a while have woken.
void WaitingRoom::let_go_on() {
  List going;
  std::size_t count = 0;
  auto take = [&](Queue& queue) {
    for (Link& link : queue.woken) {
      ++count;
      auto& one = static_cast<Waiter&>(link);
      one.position = std::max(one.position, queue.first);
      one.is_placed_ = true;
    }
    going.splice(going.end(), queue.woken);
  };
  {
    std::lock_guard lock(mutex_);
    posted_ = false;
    for (Queue* queue : woken_) take(*queue);
    woken_.clear();
  }
  crowded_ = count >= kCrowd;
  // Who goes on may take out others: each is looked for anew.
  while (!going.empty()) {
    Link& one = going.front();
    going.pop_front();
    waiting_.fetch_sub(1, std::memory_order_relaxed);
    static_cast<Waiter&>(one).coroutine_.resume();
  }
  crowded_ = false;
  slice.reset();
}

Waiter::Waiter(std::shared_ptr<WaitingRoom> room, std::string_view cluster,
               const std::atomic<std::uint64_t>& end)
    : room_(std::move(room)), queue_(room_->join(cluster)), end_(end) {}

Waiter::~Waiter() {
  take_out();
  room_->leave(queue_);
}

bool Waiter::suspend(std::coroutine_handle<> self, task_detail::Context& context) {
  context_ = &context;
  cancelled_ = context.cancelled;
  if (cancelled_) return false;
  coroutine_ = self;
  is_placed_ = false;
  {
    std::lock_guard lock(room_->mutex_);
    rings_ = queue_.rings;
    queue_.waiting.push_back(*this);
  }
  room_->waiting_.fetch_add(1, std::memory_order_relaxed);
  context.pending = this;
  // Only now: an event that came before this look rings in vain, one that comes later does not.
  if (end_.load(std::memory_order_acquire) <= position) return true;
  is_placed_ = true;  // what has come before it waited was not judged
  return !take_out();
}

void Waiter::await_resume() {
  if (context_->pending == this) context_->pending = nullptr;
  if (cancelled_) throw Cancelled();
}

bool Waiter::take_out() {
  std::lock_guard lock(room_->mutex_);
  if (!is_linked()) return false;
  // What has come since it waits, and did not wake it, is not about its cluster.
  bool woken = queue_.rings != rings_;
  if (!is_placed_) position = std::max(position, woken ? queue_.first : room_->rung_);
  unlink();
  room_->waiting_.fetch_sub(1, std::memory_order_relaxed);
  return true;
}

void Waiter::stir() {
  if (take_out()) coroutine_.resume();
}

void Waiter::cancel() {
  if (!take_out()) return;
  cancelled_ = true;
  context_->loop->post([coroutine = coroutine_] { coroutine.resume(); });
}

}  // namespace cache
