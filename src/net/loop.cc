#include "net/loop.h"

#include <sys/resource.h>

#include <boost/asio/post.hpp>
#include <csignal>
#include <utility>

#include "net/loop_core.h"

namespace net {
namespace {

constexpr std::size_t kLastJobs = 10'000;  // that run after stop(): a bound for those that go on
// Of jobs that run before sockets are looked at again: so many, or for so long.
constexpr std::size_t kJobsOfTurn = 16;
constexpr Duration kTimeOfTurn = 200us;

}  // namespace

IoLoop::IoLoop() : core_(std::make_unique<Core>()) { std::signal(SIGPIPE, SIG_IGN); }
IoLoop::~IoLoop() = default;

void IoLoop::run() {
  core_->thread = std::this_thread::get_id();
  core_->context.run();
  // What was closed before the stop comes to its end: a task that is never resumed is never freed.
  core_->context.restart();
  for (std::size_t i = 0; i < kLastJobs && core_->context.poll_one() > 0; i += kJobsOfTurn) {
  }
  core_->thread = std::thread::id();
}

void IoLoop::stop() { core_->context.stop(); }

void IoLoop::post(Job job) { core_->post(std::move(job)); }

IoLoop::Core::~Core() {
  for (auto& [number, one] : watched) one.descriptor->release();  // its owners close it
  std::deque<Job> left;
  std::lock_guard lock(jobs_mutex);
  closed = true;
  left.swap(jobs);
}

// Asio looks at all sockets between a job and one that this has posted, and a request is several
// jobs: so they have a queue of their own.
void IoLoop::Core::post(Job job) {
  {
    std::lock_guard lock(jobs_mutex);
    if (closed) return;
    jobs.push_back(std::move(job));
    if (std::exchange(scheduled, true)) return;
  }
  boost::asio::post(context, [this] { run_jobs(); });
}

void IoLoop::Core::run_jobs() {
  auto began = std::chrono::steady_clock::now();
  for (std::size_t left = kJobsOfTurn; left > 0; --left) {
    Job job;
    {
      std::lock_guard lock(jobs_mutex);
      if (jobs.empty()) {
        scheduled = false;
        return;
      }
      job = std::move(jobs.front());
      jobs.pop_front();
    }
    job();
    if (std::chrono::steady_clock::now() - began > kTimeOfTurn) break;
  }
  boost::asio::post(context, [this] { run_jobs(); });
}

Loop::TimerId IoLoop::call_after(Duration delay, Job job) {
  TimerId id = core_->next_timer++;
  auto& timer = core_->timers[id];
  timer = std::make_unique<boost::asio::steady_timer>(core_->context);
  timer->expires_after(delay);
  timer->async_wait(
      [this, id, job = std::move(job)](const boost::system::error_code& error) mutable {
        // One that had run out already when it was cancelled comes without an error.
        if (error || core_->timers.erase(id) == 0) return;
        job();
      });
  return id;
}

void IoLoop::cancel_timer(TimerId timer) { core_->timers.erase(timer); }

// Stays registered with the kernel: that costs more than the wait.
void IoLoop::when_readable(SharedDescriptor fd, Job job) {
  Core::Watched& watched = core_->watched[*fd];
  if (!watched.fd) {
    watched.descriptor = std::make_unique<Core::Descriptor>(core_->context, *fd);
    watched.fd = std::move(fd);
  }
  watched.descriptor->async_wait(
      Core::Descriptor::wait_read,
      [job = std::move(job)](const boost::system::error_code& error) mutable {
        if (!error) job();
      });
}

bool IoLoop::is_current() const { return core_->thread.load() == std::this_thread::get_id(); }

std::span<char> IoLoop::scratch() { return core_->scratch; }

std::string& IoLoop::outbox() { return core_->outbox; }

LoopPool::LoopPool(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    loops_.push_back(std::make_unique<IoLoop>());
    threads_.emplace_back([loop = loops_.back().get()] { loop->run(); });
  }
}

LoopPool::~LoopPool() { stop(); }

IoLoop& LoopPool::next() { return *loops_[turn_.fetch_add(1) % loops_.size()]; }

void LoopPool::stop() {
  for (auto& loop : loops_) loop->stop();
  for (auto& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

std::size_t raise_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

}  // namespace net
