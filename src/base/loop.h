// Loop: a single-threaded event loop, the home of coroutines. net/ implements it on real I/O;
// ManualLoop (base/manual_loop.h) runs in tests with time under control.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "base/clock.h"

// A number of an open file that is closed with the last of its owners.
using SharedDescriptor = std::shared_ptr<const int>;

class Loop {
 public:
  using Job = std::move_only_function<void()>;
  using TimerId = std::uint64_t;  // never 0, never reused

  virtual ~Loop() = default;

  // Runs `job` on the loop's thread, after all jobs posted before it. Callable from any thread.
  // Jobs posted after the loop has stopped are destroyed without being run.
  virtual void post(Job job) = 0;

  // Runs `job` on the loop after `delay` unless cancelled first. Loop thread only.
  virtual TimerId call_after(Duration delay, Job job) = 0;
  // Drops the timer if it has not fired; harmless otherwise. Loop thread only.
  virtual void cancel_timer(TimerId timer) = 0;

  // Runs `job` on the loop, once, when `fd` can be read. The loop keeps the descriptor as long as
  // it lives itself: for few that are waited for again and again. A loop that has stopped destroys
  // the job without running it. Loop thread only.
  virtual void when_readable(SharedDescriptor fd, Job job) = 0;

  // Whether the calling thread is this loop's.
  virtual bool is_current() const = 0;
};

// A timer of a coroutine's frame: it does not fire once the frame is gone. Loop thread only.
class ScopedTimer {
 public:
  explicit ScopedTimer(Loop& loop) : loop_(loop) {}
  ScopedTimer(const ScopedTimer&) = delete;
  ScopedTimer& operator=(const ScopedTimer&) = delete;
  ~ScopedTimer() { stop(); }

  // In place of what it was started for before.
  void start(Duration delay, Loop::Job job) {
    stop();
    id_ = loop_.call_after(delay, std::move(job));
  }

 private:
  void stop() {
    if (id_ != 0) loop_.cancel_timer(std::exchange(id_, 0));
  }

  Loop& loop_;
  Loop::TimerId id_ = 0;
};
