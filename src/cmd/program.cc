#include "cmd/program.h"

#include <fmt/format.h>

#include <csignal>
#include <ctime>
#include <future>

#include "base/child_task.h"

namespace cmd {
namespace {

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

void block_stop_signals() {
  sigset_t set = stop_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

int run_until_stopped(net::LoopPool& pool, Task<> task, std::string_view prefix) {
  auto child = std::make_shared<task_detail::Child<void>>();
  std::promise<void> ended;
  auto end = ended.get_future();
  child->on_done = [&ended] { ended.set_value(); };
  task_detail::start(pool.at(0), child, std::move(task));
  sigset_t set = stop_signals();
  timespec moment{0, 50'000'000};
  bool stopping = false;
  while (end.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
    if (sigtimedwait(&set, nullptr, &moment) < 0) continue;
    if (std::exchange(stopping, true)) std::_Exit(130);
    pool.at(0).post([child] { child->context.cancel(); });
  }
  try {
    child->take();
  } catch (const Cancelled&) {
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: {}\n", prefix, error.what());
    return 1;
  }
  return 0;
}

}  // namespace cmd
