// kill -9 and start again with many objects: until ready, and nothing is missing.
#include <fmt/format.h>

#include "bench/stream.h"
#include "bench/workload.h"

namespace bench::workloads {
namespace {

Task<> restart(Run& run, std::size_t base_count) {
  std::size_t count = run.scaled(base_count, 100);
  Load load{.method = "POST", .operations = count, .in_flight = 256, .expected_status = 201};
  load.make = [&run](std::size_t n, std::string& path, std::string& body) {
    path = run.maps();
    body = map_body("m" + std::to_string(n));
  };
  run.report.progress(fmt::format("{} objects are made", count));
  co_await drive(run.fleet.get(), std::move(load));
  co_await Run::restart(&run);
  Row row{.name = run.name, .unit = "object", .seconds = run.target.ready_seconds()};
  row.operations = static_cast<double>(count);
  row.server_cpu_us = cpu_seconds(run.target.process()) / row.operations * 1e6;
  row.extra = {{"s until ready", row.seconds},
               {"MiB proportional", run.server_memory().proportional / 1048576},
               {"bytes on disk/object", run.target.disk_bytes() / row.operations}};
  co_await verify_maps(&run.fleet->at(0), run.maps(), "m", count, "1", kPayload);
  run.report.add(std::move(row));
}

}  // namespace

void add_restart(Workloads& all) {
  const char* bound = "reading every object once";
  all.push_back({"restart.objects", "kill -9 and start with 20,000 objects of 1 KiB", bound,
                 Workload::Weight::Light, Workload::kOwnServer,
                 [](Run& run) { return restart(run, 20'000); }});
  all.push_back({"restart.objects-1m", "kill -9 and start with 1,000,000 objects of 1 KiB", bound,
                 Workload::Weight::Heavy, Workload::kOwnServer,
                 [](Run& run) { return restart(run, 1'000'000); }});
}

}  // namespace bench::workloads
