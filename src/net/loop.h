// IoLoop: the event loop that runs programs, on Boost.Asio; LoopPool: several of them, each with a
// thread of its own. Only net/ sees Asio.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/loop.h"

namespace net {

class IoLoop final : public Loop {
 public:
  IoLoop();
  ~IoLoop() override;

  // Runs on the calling thread until stop(); what is ready by then still runs, and what follows
  // from that, up to 10,000 jobs. All others are dropped.
  void run();
  void stop();  // thread-safe

  void post(Job job) override;
  TimerId call_after(Duration delay, Job job) override;
  void cancel_timer(TimerId timer) override;
  void when_readable(SharedDescriptor fd, Job job) override;
  bool is_current() const override;

  // A buffer for whoever reads next on this loop: what is in it is lost at the next suspension.
  std::span<char> scratch();
  // The same for whoever writes next; it keeps its capacity.
  std::string& outbox();

  struct Core;  // Asio's part
  Core& core() { return *core_; }

 private:
  std::unique_ptr<Core> core_;
};

// Threads that run one loop each, from construction until stop() or destruction.
class LoopPool {
 public:
  explicit LoopPool(std::size_t count);
  ~LoopPool();
  LoopPool(const LoopPool&) = delete;
  LoopPool& operator=(const LoopPool&) = delete;

  std::size_t size() const { return loops_.size(); }
  IoLoop& at(std::size_t index) { return *loops_[index]; }
  IoLoop& next();  // round robin; thread-safe
  void stop();     // stops and joins; idempotent

 private:
  std::vector<std::unique_ptr<IoLoop>> loops_;
  std::vector<std::thread> threads_;
  std::atomic<std::size_t> turn_ = 0;
};

// Raises the limit of open files to the hard limit; returns it.
std::size_t raise_file_limit();

}  // namespace net
