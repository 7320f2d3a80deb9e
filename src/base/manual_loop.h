// ManualLoop: a Loop for tests. Nothing runs until the test says so, and time passes only when the
// test advances it. Jobs may be posted from any thread.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "base/child_task.h"
#include "base/loop.h"

class ManualLoop final : public Loop {
 public:
  ~ManualLoop() override;
  void post(Job job) override;
  TimerId call_after(Duration delay, Job job) override;
  void cancel_timer(TimerId timer) override;
  void when_readable(SharedDescriptor fd, Job job) override;
  bool is_current() const override { return true; }

  // Runs posted jobs until none is left.
  void run_until_idle();
  // Moves time on, firing timers in order, and runs all jobs.
  void advance(Duration by);
  // Waits (real time, bounded) for jobs posted by other threads and for descriptors until `done`
  // holds; false if it never did.
  bool run_until(const std::function<bool()>& done);

 private:
  bool run_one();
  void wait_a_little();  // for descriptors, a millisecond at most

  std::mutex mutex_;
  std::deque<Job> jobs_;  // guarded by mutex_
  std::map<std::pair<Duration, TimerId>, Job> timers_;
  std::vector<std::pair<SharedDescriptor, Job>> readers_;
  Duration now_{0};
  TimerId next_timer_ = 1;
};

// Runs `task` to its end on `loop` and returns its value or throws its failure. Requires that it
// ends without time passing; jobs from other threads are waited for.
template <class T>
T run(ManualLoop& loop, Task<T> task) {
  auto child = std::make_shared<task_detail::Child<T>>();
  bool done = false;
  child->on_done = [&] { done = true; };
  task_detail::start(loop, child, std::move(task));
  CHECK(loop.run_until([&] { return done; }));
  return child->take();
}
