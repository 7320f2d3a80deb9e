#include "base/task.h"

#include <condition_variable>
#include <deque>
#include <thread>
#include <vector>

#include "base/child_task.h"

namespace {

// Four threads for blocking work. They live as long as the process.
class Pool {
 public:
  Pool() {
    for (int i = 0; i < 4; ++i) std::thread([this] { serve(); }).detach();
  }
  void add(std::move_only_function<void()> work) {
    {
      std::lock_guard lock(mutex_);
      queue_.push_back(std::move(work));
    }
    ready_.notify_one();
  }

 private:
  [[noreturn]] void serve() {
    while (true) {
      std::unique_lock lock(mutex_);
      ready_.wait(lock, [this] { return !queue_.empty(); });
      auto work = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      work();
    }
  }

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::move_only_function<void()>> queue_;  // guarded by mutex_
};

}  // namespace

void task_detail::run_on_pool(std::move_only_function<void()> work) {
  static Pool* pool = new Pool();  // never destroyed: its threads outlive static destruction
  pool->add(std::move(work));
}

Task<> sleep_for(Duration delay) {
  ScopedTimer timer(co_await current_loop());
  co_await wait_for(
      [&](Resolver<Done> done) { timer.start(delay, [done] { done.resolve(Done{}); }); });
}

Task<> yield_to_loop() {
  co_await wait_for([](Resolver<Done> done) { done.resolve(Done{}); });
}

namespace {

struct CancelledFlag {
  bool cancelled = false;
  bool await_ready() noexcept { return false; }
  template <class P>
  bool await_suspend(std::coroutine_handle<P> self) noexcept {
    cancelled = self.promise().context->cancelled;
    return false;
  }
  bool await_resume() noexcept { return cancelled; }
};

}  // namespace

Task<> check_cancelled() {
  if (co_await CancelledFlag()) throw Cancelled();
}
