// Watches: what it costs to tell many of the same change, how late they hear of it, and what those
// who hear nothing or do not listen cost. Each watcher's events are checked: every object once, in
// order.
#include <fmt/format.h>

#include "base/error.h"
#include "bench/watch_group.h"
#include "bench/workload.h"

namespace bench::workloads {
namespace {

constexpr const char* kBound = "TLS: each delivery is encrypted for its connection";
using Times = std::vector<std::atomic<std::int64_t>>;

struct Writing {
  std::size_t from = 0, until = 0;  // creates e<from> .. e<until - 1>
  std::size_t in_flight = 16;
  double rate = 0;                   // > 0: so many a second instead
  std::shared_ptr<Times> sent = {};  // when each was, if somebody wants to know
};

Task<Outcome> write(Run& run, Writing writing) {
  Load load{.method = "POST",
            .operations = writing.until - writing.from,
            .in_flight = writing.in_flight,
            .rate = writing.rate,
            .expected_status = 201};
  load.make = [&run, writing](std::size_t n, std::string& path, std::string& body) {
    path = run.maps();
    body = map_body("e" + std::to_string(writing.from + n));
    if (writing.sent) (*writing.sent)[writing.from + n] = now_ns();
  };
  co_return co_await drive(run.fleet.get(), std::move(load));
}

Task<WatchPlan> make_plan(Run& run, std::size_t expected) {
  ListRead now = co_await read_list(&run.fleet->at(0), {.path = run.maps() + "?limit=1"});
  WatchPlan plan;
  plan.path = run.maps();
  plan.since = now.revision;
  plan.expected = expected;
  co_return plan;
}

struct Telling {
  std::string what = {};  // behind the row's name
  std::size_t watchers = 0, events = 0;
  std::size_t stalled = 0;  // watchers beside the others
  std::size_t first = 0;    // number of the first object
  double rate = 0;          // of events; 0: as fast as 16 writers can
};

Task<> tell(Run& run, Telling telling) {
  auto [what, watchers, events, stalled, first, rate] = telling;
  WatchPlan plan = co_await make_plan(run, first + events);
  auto sent = std::make_shared<Times>(first + events);
  plan.sent = sent;
  plan.stalled = stalled;
  WatchGroup group(*run.fleet, std::move(plan), watchers);
  co_await WatchGroup::open(&group);
  std::int64_t start = now_ns();
  Meter meter(run.target);
  co_await write(run, {.from = first, .until = first + events, .rate = rate, .sent = sent});
  co_await WatchGroup::await_events(&group, events);
  Row row{.name = run.name + what, .unit = "event"};
  row.operations = static_cast<double>(watchers * events);
  row.seconds = static_cast<double>(group.last_event() - start) / 1e9;
  meter.read_into(row);
  co_await WatchGroup::close(&group);
  row.latency = group.lag();
  row.bytes = static_cast<double>(group.bytes()) / row.operations;
  run.report.add(std::move(row));
}

Task<> fan_out(Run& run, std::size_t watchers, std::size_t events) {
  return tell(run, {.watchers = run.scaled(watchers, 10), .events = run.scaled(events, 100)});
}

// How late each of many hears of what is written at a steady rate.
Task<> fan_out_open(Run& run, std::size_t watchers) {
  double rate = run.rate(150);
  auto events = run.scaled(static_cast<std::size_t>(rate * 4), 100);
  return tell(run, {.watchers = run.scaled(watchers, 10), .events = events, .rate = rate});
}

Task<> stalled(Run& run) {
  std::size_t events = run.scaled(4'000, 1'000);
  co_await tell(run, {.what = " (none)", .watchers = 24, .events = events});
  co_await tell(
      run,
      {.what = " (one of 25)", .watchers = 24, .events = events, .stalled = 1, .first = events});
}

Task<> idle(Run& run, std::size_t count) {
  std::size_t watchers = run.scaled(count, 100);
  WatchPlan plan = co_await make_plan(run, 0);
  plan.path = run.maps();
  Memory before = run.server_memory();
  WatchGroup group(*run.fleet, std::move(plan), watchers);
  Meter meter(run.target);
  co_await WatchGroup::open(&group);
  Row row{.name = run.name, .unit = "watch"};
  row.operations = static_cast<double>(watchers);
  meter.read_into(row);
  co_await sleep_for(1s);
  if (run.target.process() > 0) {
    double grown = run.server_memory().proportional - before.proportional;
    row.extra = {{"KiB/watch", grown / 1024 / row.operations}};
  }
  run.report.add(std::move(row));
}

// Watchers that are away while objects are made and come back where they were.
Task<> resume(Run& run) {
  std::size_t watchers = 25, events = run.scaled(10'000, 200), half = events / 2;
  WatchGroup group(*run.fleet, co_await make_plan(run, events), watchers);
  co_await WatchGroup::open(&group);
  co_await write(run, {.until = half});
  co_await WatchGroup::await_events(&group, half);
  co_await WatchGroup::close(&group);
  co_await write(run, {.from = half, .until = events, .in_flight = 64});
  std::int64_t start = now_ns();
  Meter meter(run.target);
  co_await WatchGroup::open(&group);
  co_await WatchGroup::await_events(&group, events);
  Row row{.name = run.name, .unit = "event"};
  row.operations = static_cast<double>(watchers * (events - half));
  row.seconds = static_cast<double>(group.last_event() - start) / 1e9;
  meter.read_into(row);
  run.report.add(std::move(row));
}

}  // namespace

void add_watches(Workloads& all) {
  auto light = Workload::Weight::Light, heavy = Workload::Weight::Heavy;
  all.push_back({"watches.fan-out", "25 watchers, 4,000 creates", kBound, light, Workload::kNothing,
                 [](Run& run) { return fan_out(run, 25, 4'000); }});
  all.push_back({"watches.many", "1,000 watchers, 100 creates", kBound, light, Workload::kNothing,
                 [](Run& run) { return fan_out(run, 1'000, 100); }});
  all.push_back({"watches.many-open", "1,000 watchers, 150 creates a second for four seconds",
                 "nothing: how late each is told", light, Workload::kNothing,
                 [](Run& run) { return fan_out_open(run, 1'000); }});
  all.push_back({"watches.idle", "5,000 watchers that hear nothing", "memory for each stream",
                 light, Workload::kNothing, [](Run& run) { return idle(run, 5'000); }});
  all.push_back({"watches.stalled", "24 watchers alone, then beside one that takes nothing", kBound,
                 light, Workload::kNothing, stalled});
  all.push_back({"watches.resume", "25 watchers that were away catch up", kBound, light,
                 Workload::kNothing, resume});
  all.push_back({"watches.fan-out-1m", "25 watchers, 1,000,000 creates", kBound, heavy,
                 Workload::kNothing, [](Run& run) { return fan_out(run, 25, 1'000'000); }});
  all.push_back({"watches.many-10k", "10,000 watchers, 100 creates", kBound, heavy,
                 Workload::kNothing, [](Run& run) { return fan_out(run, 10'000, 100); }});
  all.push_back({"watches.idle-100k", "100,000 watchers that hear nothing",
                 "memory for each stream", heavy, Workload::kNothing,
                 [](Run& run) { return idle(run, 100'000); }});
}

}  // namespace bench::workloads
