// Lists: whole, by selector, as a table, in pages, several at once. The client reads the bytes once
// and counts; it keeps nothing.
#include <fmt/format.h>

#include "base/child_task.h"
#include "base/error.h"
#include "base/scope.h"
#include "bench/stream.h"
#include "bench/workload.h"

namespace bench::workloads {
namespace {

constexpr const char* kBound = "TLS: bytes encrypted and decrypted on the same machine";
constexpr const char* kTable = "application/json;as=Table;v=v1;g=meta.k8s.io";

struct Shape {
  std::string what;   // appended to the row's name
  std::string query;  // behind '?'
  std::size_t expected = 0;
  std::size_t at_once = 1;
  std::size_t times = 3;
  bool is_table = false;
};

Task<> populate(Run& run, std::size_t count, std::size_t payload) {
  Load load{.method = "POST",
            .operations = count,
            .in_flight = payload > 100'000 ? 8U : 256U,
            .expected_status = 201};
  load.make = [&run, payload](std::size_t n, std::string& path, std::string& body) {
    path = run.maps();
    std::string_view labels = n % 100 == 0 ? R"("kind":"rare","all":"yes")" : R"("all":"yes")";
    body = map_body("m" + std::to_string(n), "1", payload, labels);
  };
  run.report.progress(fmt::format("{} objects are made", count));
  co_await drive(run.fleet.get(), std::move(load));
}

// Lists over and over, in one lane.
Task<ListRead> lane(Squad* squad, ListQuestion question, std::size_t expected, std::size_t times) {
  ListRead sum;
  for (std::size_t i = 0; i < times; ++i) {
    ListRead one = co_await read_list(squad, question);
    if (one.items != expected) {
      throw Error(Reason::InternalError, fmt::format("a list has {} objects, expected {}: {}",
                                                     one.items, expected, question.path));
    }
    sum.items += one.items;
    sum.bytes += one.bytes;
    sum.latency.merge(one.latency);
  }
  co_return sum;
}

Task<> lane_into(Squad* squad, ListQuestion question, std::size_t expected, std::size_t times,
                 ListRead* out) {
  *out = co_await on_loop(squad->loop(), lane(squad, std::move(question), expected, times));
}

Task<> measure(Run& run, Shape shape) {
  ListQuestion question{run.maps() + (shape.query.empty() ? "" : "?" + shape.query)};
  if (shape.is_table) {
    question.shape = Scanner::Shape::Table;
    question.accept = kTable;
  }
  std::vector<ListRead> reads(shape.at_once);
  Memory before = run.server_memory();
  Meter meter(run.target);
  Scope scope(run.pool.at(0));
  for (std::size_t i = 0; i < shape.at_once; ++i) {
    Squad* squad = &run.fleet->at(i % run.fleet->size());
    scope.spawn("list", lane_into(squad, question, shape.expected, shape.times, &reads[i]));
  }
  co_await scope.join();
  Row row{.name = run.name + " " + shape.what, .unit = "object"};
  double lists = static_cast<double>(shape.at_once * shape.times), bytes = 0;
  for (const ListRead& read : reads) {
    row.operations += static_cast<double>(read.items);
    bytes += static_cast<double>(read.bytes);
    row.latency.merge(read.latency);
  }
  if (row.operations == 0) {  // a selector that matches nothing: the list itself is the operation
    row.operations = lists;
    row.unit = "list";
  }
  meter.read_into(row);
  row.bytes = bytes / row.operations;
  row.extra = {{"MB/s", bytes / row.seconds / 1e6}};
  if (run.target.process() > 0) {
    double grown = run.server_memory().proportional - before.proportional;
    row.extra.emplace_back("MiB grown", grown / 1048576);
  }
  run.report.add(std::move(row));
}

Task<> small(Run& run, std::size_t base_count) {
  std::size_t count = run.scaled(base_count, 200);
  std::size_t rare = (count + 99) / 100;
  co_await populate(run, count, kPayload);
  co_await verify_maps(&run.fleet->at(0), run.maps(), "m", count, "1", kPayload);
  co_await measure(run, {.what = "all", .expected = count});
  co_await measure(run, {.what = "10 at once", .expected = count, .at_once = 10, .times = 1});
  co_await measure(run, {.what = "as a table", .expected = count, .is_table = true});
  co_await measure(run, {.what = "page of 500",
                         .query = "limit=500",
                         .expected = std::min<std::size_t>(500, count),
                         .times = 50});
  co_await measure(run, {.what = "none match", .query = "labelSelector=kind%3Dnone", .times = 100});
  co_await measure(
      run,
      {.what = "1 % match", .query = "labelSelector=kind%3Drare", .expected = rare, .times = 20});
  co_await measure(run,
                   {.what = "all match", .query = "labelSelector=all%3Dyes", .expected = count});
}

Task<> large(Run& run, std::size_t base_count) {
  std::size_t count = run.scaled(base_count, 3);
  co_await populate(run, count, 1'000'000);
  co_await measure(run, {.what = "all", .expected = count});
  co_await measure(run, {.what = "10 at once", .expected = count, .at_once = 10, .times = 1});
}

}  // namespace

void add_lists(Workloads& all) {
  all.push_back({"lists.small", "lists of 20,000 objects of 1 KiB", kBound, Workload::Weight::Light,
                 Workload::kNothing, [](Run& run) { return small(run, 20'000); }});
  all.push_back({"lists.large", "lists of 30 objects of 1 MB", kBound, Workload::Weight::Light,
                 Workload::kNothing, [](Run& run) { return large(run, 30); }});
  all.push_back({"lists.small-300k", "lists of 300,000 objects of 1 KiB", kBound,
                 Workload::Weight::Heavy, Workload::kNothing,
                 [](Run& run) { return small(run, 300'000); }});
  all.push_back({"lists.large-300", "lists of 300 objects of 1 MB", kBound, Workload::Weight::Heavy,
                 Workload::kNothing, [](Run& run) { return large(run, 300); }});
}

}  // namespace bench::workloads
