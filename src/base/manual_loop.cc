#include "base/manual_loop.h"

#include <poll.h>

ManualLoop::~ManualLoop() {
  timers_.clear();
  readers_.clear();
  std::lock_guard lock(mutex_);
  jobs_.clear();
}

void ManualLoop::post(Job job) {
  std::lock_guard lock(mutex_);
  jobs_.push_back(std::move(job));
}

Loop::TimerId ManualLoop::call_after(Duration delay, Job job) {
  TimerId timer = next_timer_++;
  timers_.emplace(std::pair(now_ + delay, timer), std::move(job));
  return timer;
}

void ManualLoop::cancel_timer(TimerId timer) {
  for (auto it = timers_.begin(); it != timers_.end(); ++it) {
    if (it->first.second == timer) {
      timers_.erase(it);
      return;
    }
  }
}

void ManualLoop::when_readable(SharedDescriptor fd, Job job) {
  readers_.emplace_back(std::move(fd), std::move(job));
}

void ManualLoop::wait_a_little() {
  std::vector<pollfd> wanted;
  for (const auto& [fd, job] : readers_) wanted.push_back({*fd, POLLIN, 0});
  if (::poll(wanted.data(), wanted.size(), 1) <= 0) return;
  for (std::size_t i = wanted.size(); i-- > 0;) {
    if (wanted[i].revents == 0) continue;
    post(std::move(readers_[i].second));
    readers_.erase(readers_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

bool ManualLoop::run_one() {
  Job job;
  {
    std::lock_guard lock(mutex_);
    if (jobs_.empty()) return false;
    job = std::move(jobs_.front());
    jobs_.pop_front();
  }
  job();
  return true;
}

void ManualLoop::run_until_idle() {
  while (run_one()) {
  }
}

void ManualLoop::advance(Duration by) {
  run_until_idle();
  const Duration end = now_ + by;
  while (!timers_.empty() && timers_.begin()->first.first <= end) {
    now_ = timers_.begin()->first.first;
    Job job = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    job();
    run_until_idle();
  }
  now_ = end;
}

bool ManualLoop::run_until(const std::function<bool()>& done) {
  for (int idle_turns = 0; idle_turns < 30'000; ++idle_turns) {
    while (!done() && run_one()) idle_turns = 0;
    if (done()) return true;
    wait_a_little();
  }
  return done();
}
