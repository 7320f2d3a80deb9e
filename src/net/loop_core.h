// The Asio side of IoLoop: included by the sources of net/ only.
#pragma once

#define BOOST_ASIO_DISABLE_BOOST_DATE_TIME
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "net/loop.h"

namespace net {

struct IoLoop::Core {
  std::mutex jobs_mutex;
  std::deque<Job> jobs;    // guarded by jobs_mutex
  bool scheduled = false;  // whether Asio will run them; guarded by jobs_mutex
  bool closed = false;     // no more are taken; guarded by jobs_mutex
  boost::asio::io_context context{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{
      context.get_executor()};
  using Descriptor = boost::asio::posix::stream_descriptor;
  struct Watched {
    SharedDescriptor fd;
    std::unique_ptr<Descriptor> descriptor;
  };
  std::unordered_map<int, Watched> watched;  // for when_readable()
  std::unordered_map<TimerId, std::unique_ptr<boost::asio::steady_timer>> timers;
  TimerId next_timer = 1;
  std::atomic<std::thread::id> thread;
  std::vector<char> scratch = std::vector<char>(32 * 1024);
  std::string outbox;

  ~Core();
  void post(Job job);
  // Runs jobs that wait, and what they post, but not for long: sockets come next.
  void run_jobs();
};

}  // namespace net
