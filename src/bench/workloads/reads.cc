// Reads of single objects.
#include <fmt/format.h>

#include "bench/scanner.h"
#include "bench/workload.h"

namespace bench::workloads {
namespace {

constexpr std::size_t kPresent = 2'000;
constexpr const char* kBound = "TLS and HTTP/2: the rate of /livez";

Task<> populate(Run& run, std::size_t workspaces) {
  Load load{.method = "POST", .operations = kPresent, .in_flight = 64, .expected_status = 201};
  load.make = [&run, workspaces](std::size_t n, std::string& path, std::string& body) {
    path = workspaces == 0 ? run.maps() : run.workspace_maps(n % workspaces);
    body = map_body("m" + std::to_string(n));
  };
  co_await drive(run.fleet.get(), std::move(load));
}

Load gets(Run& run, std::size_t count, std::size_t in_flight, std::size_t workspaces) {
  Load load{.operations = count, .in_flight = in_flight};
  load.make = [&run, workspaces](std::size_t n, std::string& path, std::string&) {
    std::size_t object = n % kPresent;
    path = (workspaces == 0 ? run.maps() : run.workspace_maps(object % workspaces)) + "/m" +
           std::to_string(object);
  };
  load.check = [](std::size_t n, std::string_view body) {
    return find_text(body, "name") == "m" + std::to_string(n % kPresent);
  };
  return load;
}

Task<> get(Run& run, std::size_t in_flight, std::size_t workspaces) {
  std::size_t spread = workspaces == 0 ? 0 : run.scaled(workspaces, 10);
  if (spread > 0) co_await run.make_workspaces(spread);
  co_await populate(run, spread);
  Row row{.name = run.name, .unit = "get", .limit_name = "livez"};
  row.limit = co_await run.livez_rate(in_flight);
  std::size_t count = run.scaled(in_flight == 1 ? 10'000 : 100'000, 500);
  co_await run.measure(std::move(row), gets(run, count, in_flight, spread));
}

Task<> get_open(Run& run) {
  co_await populate(run, 0);
  double rate = run.rate(5'000);
  Load load = gets(run, run.scaled(static_cast<std::size_t>(rate * 5), 500), 1, 0);
  load.rate = rate;
  co_await run.measure({.name = run.name, .unit = "get"}, std::move(load));
}

}  // namespace

void add_reads(Workloads& all) {
  for (std::size_t in_flight : {1, 64, 256}) {
    all.push_back({fmt::format("reads.get-{}", in_flight),
                   fmt::format("gets of 1 KiB, {} in flight", in_flight), kBound,
                   Workload::Weight::Light, Workload::kNothing,
                   [in_flight](Run& run) { return get(run, in_flight, 0); }});
  }
  all.push_back({"reads.get-64-spread", "the same over 1,000 workspaces, 64 in flight", kBound,
                 Workload::Weight::Light, Workload::kWorkspaces,
                 [](Run& run) { return get(run, 64, 1000); }});
  all.push_back({"reads.get-open", "gets at a given rate (5,000/s): latency from the time due",
                 kBound, Workload::Weight::Light, Workload::kNothing, get_open});
}

}  // namespace bench::workloads
