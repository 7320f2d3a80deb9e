// Starting on an empty directory, and what the process then takes.
#include "bench/workload.h"

namespace bench::workloads {
namespace {

Task<> empty(Run& run) {
  constexpr int kTimes = 5;
  Row row{.name = run.name, .unit = "start", .operations = kTimes};
  double resident = 0, proportional = 0, cpu = 0;
  for (int i = 0; i < kTimes; ++i) {
    Target fresh(run.target.options());
    row.seconds += fresh.ready_seconds();
    row.latency.record(static_cast<std::int64_t>(fresh.ready_seconds() * 1e9));
    cpu += cpu_seconds(fresh.process());
    Memory memory = memory_of(fresh.process());
    resident = memory.resident;
    proportional = memory.proportional;
    if (i == kTimes - 1) row.extra.emplace_back("MiB on disk", fresh.disk_bytes() / 1048576);
  }
  row.server_cpu_us = cpu / kTimes * 1e6;
  row.extra.emplace_back("MiB resident", resident / 1048576);
  row.extra.emplace_back("MiB proportional", proportional / 1048576);
  run.report.add(std::move(row));
  co_return;
}

}  // namespace

void add_start(Workloads& all) {
  all.push_back({"start.empty", "a start on an empty directory until ready; memory and disk then",
                 "making keys and certificates", Workload::Weight::Light, Workload::kOwnServer,
                 empty});
}

}  // namespace bench::workloads
