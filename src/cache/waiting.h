// Who waits for a table's events: a room for each loop, in it a queue for each cluster. An event
// costs its writer one message for each loop where somebody waits for it, however many they are;
// waiting costs no allocation. Events are counted by their position: how many came before.
#pragma once

#include <atomic>
#include <boost/intrusive/list.hpp>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/task.h"
#include "cache/cache.h"

namespace cache {

class Waiter;

// A piece of a table's ring: the events [begin, end). Immutable.
struct RingSlice {
  std::uint64_t begin = 0, end = 0;
  bool is_newest = false;  // there were no events behind these
  std::uint64_t seen = 0;  // then: everything up to this revision is in here, or before
  std::vector<EventPtr> events;
};

// Those who wait on one loop for events of one table.
class WaitingRoom : public std::enable_shared_from_this<WaitingRoom> {
 public:
  explicit WaitingRoom(Loop& loop) : loop_(loop) {}

  Loop& loop() const { return loop_; }
  // The events [first, end) have come and are about these clusters. Any thread; calls come in the
  // order of events.
  void ring(std::span<const std::string_view> clusters, std::uint64_t first, std::uint64_t end);
  void ring_all();                                                               // ends every wait
  std::size_t size() const { return waiting_.load(std::memory_order_relaxed); }  // who wait now

  // While many go on in one turn of the loop, one of them reads the ring for all: a lock and
  // references that all loops count would cost more than the rest. On the loop.
  bool is_crowded() const { return crowded_; }
  std::shared_ptr<const RingSlice> slice;  // kept for the turn

 private:
  friend class Waiter;
  struct Link : boost::intrusive::list_base_hook<
                    boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {};
  using List = boost::intrusive::list<Link, boost::intrusive::constant_time_size<false>>;
  // Those who want events of one cluster; lives while it has members, waiting or not.
  struct Queue {
    std::string cluster;  // "" = all
    std::size_t members = 0;
    List waiting;
    List woken;               // the loop is told to let them go on
    std::uint64_t first = 0;  // where what woke the oldest of them lies
    std::uint64_t rings = 0;  // how often those who waited were woken
  };

  Queue& join(std::string_view cluster);
  void leave(Queue& queue);
  void wake(Queue& queue, std::uint64_t first);  // requires mutex_
  void post(std::unique_lock<std::mutex> lock);  // if anybody is woken
  void let_go_on();

  Loop& loop_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string_view, std::unique_ptr<Queue>> queues_;  // guarded by mutex_,
  std::vector<Queue*> woken_;                                            // as all of this
  std::uint64_t rung_ = 0;  // the position behind the newest events that ring() was told of
  bool posted_ = false;
  bool crowded_ = false;  // used on the loop
  std::atomic<std::size_t> waiting_ = 0;
};

// One place in a room, for one wait at a time. Used on the room's loop only.
//   `co_await waiter` suspends while `end`, the position behind the newest event, is `position`.
class Waiter final : task_detail::Suspension, WaitingRoom::Link {
 public:
  Waiter(std::shared_ptr<WaitingRoom> room, std::string_view cluster,
         const std::atomic<std::uint64_t>& end);
  ~Waiter();
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  WaitingRoom& room() const { return *room_; }

  // What lies before it needs no look: it was seen, or is about other clusters. Waiting moves it.
  std::uint64_t position = 0;

  void stir();  // ends a wait, if there is one

  bool await_ready() noexcept { return false; }
  template <class P>
  bool await_suspend(std::coroutine_handle<P> self) {
    return suspend(self, *self.promise().context);
  }
  void await_resume();

 private:
  friend class WaitingRoom;

  bool suspend(std::coroutine_handle<> self, task_detail::Context& context);
  void cancel() override;
  bool take_out();  // of the queue; false if it is in none

  const std::shared_ptr<WaitingRoom> room_;
  WaitingRoom::Queue& queue_;
  const std::atomic<std::uint64_t>& end_;
  std::uint64_t rings_ = 0;  // of the queue, when this wait began
  task_detail::Context* context_ = nullptr;
  std::coroutine_handle<> coroutine_;
  bool is_placed_ = false;  // `position` says already where what woke it lies
  bool cancelled_ = false;
};

}  // namespace cache
