// The DNS server of the load balancer: questions over UDP to one thread of it in this process.
#include "bench/dns_load.h"
#include "bench/workload.h"

namespace bench::workloads {
namespace {

Task<> answers(Run& run) {
  std::size_t asking = 0, serving = run.pool.size() - 1;  // the pool has one loop more than clients
  DnsFigures figures =
      co_await drive_dns(run.pool.at(asking), run.pool.at(serving), run.scaled(500'000, 10'000));
  Row row{.name = run.name, .unit = "answer", .seconds = figures.seconds};
  row.operations = static_cast<double>(figures.answers);
  row.server_cpu_us = figures.server_cpu_seconds / row.operations * 1e6;
  row.extra = {{"lost", static_cast<double>(figures.lost)}};
  run.report.add(std::move(row));
}

}  // namespace

void add_dns(Workloads& all) {
  all.push_back({"dns.answers", "questions over UDP for 1,000 managed hosts, every answer checked",
                 "one thread's system calls", Workload::Weight::Light, Workload::kOwnServer,
                 answers});
}

}  // namespace bench::workloads
