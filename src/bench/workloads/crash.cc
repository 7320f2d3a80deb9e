// kill -9 under load, again and again: what was acknowledged is there afterwards.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <mutex>

#include "base/error.h"
#include "base/random.h"
#include "base/scope.h"
#include "base/strings.h"
#include "bench/stream.h"
#include "bench/workload.h"

namespace bench::workloads {
namespace {

// Names of acknowledged objects, by number over all rounds.
struct Acknowledged {
  std::mutex mutex;
  std::vector<bool> numbers;  // guarded by mutex
};

// Once the first write is acknowledged: connecting takes its time on a busy machine.
Task<> kill_after(pid_t server, const std::atomic<bool>* writing, Duration delay) {
  while (!*writing) co_await sleep_for(1ms);
  co_await sleep_for(delay);
  ::kill(server, SIGKILL);
}

// Writes until the server is killed; returns how many were acknowledged.
Task<std::size_t> one_round(Run& run, std::size_t first, std::size_t most, Acknowledged& noted) {
  Load load{.method = "POST", .operations = most, .in_flight = 64, .expected_status = 201};
  load.may_break = true;
  load.make = [&run, first](std::size_t n, std::string& path, std::string& body) {
    path = run.maps();
    body = map_body("k" + std::to_string(first + n));
  };
  std::atomic<bool> writing = false;
  load.done = [&noted, &writing, first](std::size_t n) {
    writing = true;
    std::lock_guard lock(noted.mutex);
    noted.numbers[first + n] = true;
  };
  Scope scope(run.pool.at(0));
  Duration delay = 50ms + Duration(random_below(300'000'000));
  scope.spawn("kill", kill_after(run.target.process(), &writing, delay));
  Outcome outcome = co_await drive(run.fleet.get(), std::move(load));
  co_await scope.join();
  co_return outcome.operations;
}

// Each acknowledged object must be there, whole; others may be.
Task<std::size_t> count_lost(Run& run, const Acknowledged& noted) {
  std::vector<bool> found(noted.numbers.size(), false);
  auto enter = [&](const ScannedItem& item) {
    if (!item.name.starts_with("k") || item.payload_bytes != kPayload) return;
    auto number = parse_u64(std::string_view(item.name).substr(1));
    if (number && *number < found.size()) found[*number] = true;
  };
  co_await read_list(&run.fleet->at(0), {.path = run.maps(), .on_item = enter});
  std::size_t lost = 0;
  for (std::size_t i = 0; i < found.size(); ++i) lost += noted.numbers[i] && !found[i] ? 1 : 0;
  co_return lost;
}

Task<> crash(Run& run, std::size_t base_rounds) {
  constexpr std::size_t kMost = 200'000;  // of a round
  std::size_t rounds = run.scaled(base_rounds, 2);
  Acknowledged noted;
  noted.numbers.resize(rounds * kMost, false);
  Row row{.name = run.name, .unit = "create"};
  for (std::size_t round = 0; round < rounds; ++round) {
    row.operations += static_cast<double>(co_await one_round(run, round * kMost, kMost, noted));
    co_await Run::restart(&run);
    row.latency.record(static_cast<std::int64_t>(run.target.ready_seconds() * 1e9));
    std::size_t lost = co_await count_lost(run, noted);
    if (lost > 0) {
      throw Error(Reason::InternalError,
                  fmt::format("{} acknowledged objects are lost in round {}", lost, round));
    }
  }
  row.extra = {{"kills", static_cast<double>(rounds)}, {"lost", 0}};
  run.report.add(std::move(row));
}

}  // namespace

void add_crash(Workloads& all) {
  const char* bound = "the start; p50 and p99 are times until ready";
  all.push_back(
      {"crash.kill-loop", "five times kill -9 under creates, nothing acknowledged is lost", bound,
       Workload::Weight::Light, Workload::kOwnServer, [](Run& run) { return crash(run, 5); }});
  all.push_back({"crash.kill-loop-100", "the same a hundred times", bound, Workload::Weight::Heavy,
                 Workload::kOwnServer, [](Run& run) { return crash(run, 100); }});
}

}  // namespace bench::workloads
