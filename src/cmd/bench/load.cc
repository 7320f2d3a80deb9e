#include "cmd/bench/load.h"

#include <algorithm>
#include <chrono>

#include "base/scope.h"

namespace cmd::bench {
namespace {

using Clock = std::chrono::steady_clock;

struct Shared {
  Load load;
  std::size_t next = 0;
  std::vector<double> latencies;
};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

Task<> lane(Shared* shared, std::size_t number) {
  while (shared->next < shared->load.operations) {
    std::size_t operation = shared->next++;
    auto start = Clock::now();
    co_await shared->load.run(operation, number);
    shared->latencies.push_back(seconds_since(start) * 1000);
  }
}

}  // namespace

Task<Timing> drive(Load load) {
  Loop& loop = co_await current_loop();
  Shared shared{std::move(load), 0, {}};
  shared.latencies.reserve(shared.load.operations);
  auto start = Clock::now();
  Scope scope(loop);
  for (std::size_t i = 0; i < shared.load.in_flight; ++i) scope.spawn("lane", lane(&shared, i));
  co_await scope.join();
  Timing timing;
  timing.seconds = seconds_since(start);
  auto& all = shared.latencies;
  std::ranges::sort(all);
  if (!all.empty()) {
    timing.p50_ms = all[all.size() / 2];
    timing.p99_ms = all[std::min(all.size() - 1, all.size() * 99 / 100)];
  }
  co_return timing;
}

}  // namespace cmd::bench
