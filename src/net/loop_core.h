// The Asio side of IoLoop: included by the sources of net/ only.
#pragma once

#define BOOST_ASIO_DISABLE_BOOST_DATE_TIME
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <thread>
#include <unordered_map>

#include "net/loop.h"

namespace net {

struct IoLoop::Core {
  boost::asio::io_context context{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{
      context.get_executor()};
  std::unordered_map<TimerId, std::unique_ptr<boost::asio::steady_timer>> timers;
  TimerId next_timer = 1;
  std::atomic<std::thread::id> thread;
  std::vector<char> scratch = std::vector<char>(32 * 1024);
  std::string outbox;
};

}  // namespace net
