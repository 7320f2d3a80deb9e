// What this machine allows at most: the figures that others are held against.
#include <fmt/format.h>

#include "bench/workload.h"

namespace bench::workloads {
namespace {

Task<> sync(Run& run) {
  Row row{.name = run.name, .unit = "write", .seconds = 1};
  row.operations = run.sync_rate();
  run.report.add(std::move(row));
  co_return;
}

Task<> livez(Run& run, std::size_t in_flight) {
  Load load{.operations = run.scaled(in_flight == 1 ? 5'000 : 100'000, 500),
            .in_flight = in_flight};
  load.make = [](std::size_t, std::string& path, std::string&) { path = "/livez"; };
  co_await run.measure({.name = run.name, .unit = "request"}, std::move(load));
}

}  // namespace

void add_limits(Workloads& all) {
  all.push_back({"limits.sync", "writes of 1 KiB to one file, each made durable", "the disk",
                 Workload::Weight::Light, Workload::kNothing, sync});
  for (std::size_t in_flight : {1, 64}) {
    all.push_back({fmt::format("limits.livez-{}", in_flight),
                   fmt::format("/livez over HTTP/2 and TLS, {} in flight", in_flight),
                   "TLS and HTTP/2", Workload::Weight::Light, Workload::kNothing,
                   [in_flight](Run& run) { return livez(run, in_flight); }});
  }
}

}  // namespace bench::workloads
