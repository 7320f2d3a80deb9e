// CustomResourceDefinitions: many different ones in one place, and the same one in many workspaces.
#include <fmt/format.h>

#include "base/error.h"
#include "bench/stream.h"
#include "bench/workload.h"

namespace bench::workloads {
namespace {

constexpr const char* kDefinitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
constexpr const char* kAggregated =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

// A definition of the usual size: some fifty fields, with or without one that only it has.
std::string definition(std::string_view group, std::string_view own_field) {
  std::string fields;
  for (int i = 0; i < 50; ++i) {
    fields += fmt::format(
        R"("field{}":{{"type":"string","description":"What field {} of the widget says.",)"
        R"("maxLength":253}},)",
        i, i);
  }
  return fmt::format(
      R"({{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition",)"
      R"("metadata":{{"name":"widgets.{0}"}},"spec":{{"group":"{0}","scope":"Namespaced",)"
      R"("names":{{"plural":"widgets","singular":"widget","kind":"Widget",)"
      R"("listKind":"WidgetList"}},"versions":[{{"name":"v1","served":true,"storage":true,)"
      R"("schema":{{"openAPIV3Schema":{{"type":"object","properties":{{)"
      R"("spec":{{"type":"object","properties":{{{1}"{2}":{{"type":"integer"}}}}}}}}}}}}}}]}}}})",
      group, fields, own_field);
}

std::string group_of(Run& run, std::size_t n) {
  return fmt::format("g{}.{}.example.com", n, run.id());
}

// Until the last one made is served, then until each is: servers that serve them a while after the
// answer keep no order.
Task<> await_served(Run& run, std::size_t count, std::function<std::string(std::size_t)> path_of) {
  constexpr int kTries = 3'000;
  for (int i = 0; (co_await run.ask("GET", path_of(count - 1))).status != 200; ++i) {
    if (i == kTries) throw Error(Reason::Timeout, "a definition is not served in time");
    co_await sleep_for(20ms);
  }
  Load load{.operations = count, .in_flight = 32, .not_yet_status = 404};
  load.make = [path_of](std::size_t n, std::string& path, std::string&) { path = path_of(n); };
  co_await drive(run.fleet.get(), std::move(load));
}

Task<> create(Run& run, std::size_t count, std::function<std::string(std::size_t)> base_of,
              std::function<std::string(std::size_t)> group,
              std::function<std::string(std::size_t)> field) {
  Memory before = run.server_memory();
  std::int64_t start = now_ns();
  Meter meter(run.target);
  Load load{.method = "POST", .operations = count, .in_flight = 32, .expected_status = 201};
  load.make = [base_of, group, field](std::size_t n, std::string& path, std::string& body) {
    path = base_of(n) + kDefinitions;
    body = definition(group(n), field(n));
  };
  Outcome outcome = co_await drive(run.fleet.get(), std::move(load));
  co_await await_served(run, count, [base_of, group](std::size_t n) {
    return base_of(n) + "/apis/" + group(n) + "/v1/widgets";
  });
  Row row{.name = run.name, .unit = "CRD served"};
  row.operations = static_cast<double>(count);
  row.seconds = static_cast<double>(now_ns() - start) / 1e9;
  meter.read_into(row);
  row.latency = outcome.latency;
  if (run.target.process() > 0) {
    double grown = run.server_memory().proportional - before.proportional;
    row.extra = {{"KiB/CRD", grown / 1024 / row.operations}};
  }
  run.report.add(std::move(row));
}

// The document that kubectl api-resources asks for.
Task<> discovery(Run& run, std::size_t groups) {
  Load load{.accept = kAggregated, .operations = 10, .in_flight = 1};
  load.make = [&run](std::size_t, std::string& path, std::string&) { path = run.base() + "/apis"; };
  load.check = [groups](std::size_t, std::string_view body) { return body.size() > groups * 50; };
  co_await run.measure({.name = run.name + " discovery", .unit = "document"}, std::move(load));
}

Task<> distinct(Run& run, std::size_t base_count) {
  std::size_t count = run.scaled(base_count, 10);
  co_await create(
      run, count, [&run](std::size_t) { return run.base(); },
      [&run](std::size_t n) { return group_of(run, n); },
      [](std::size_t n) { return "own" + std::to_string(n); });
  co_await discovery(run, count);
  if (run.target.is_own()) co_return;
  for (std::size_t n = 0; n < count; ++n) {
    co_await run.ask("DELETE", run.base() + kDefinitions + "/widgets." + group_of(run, n));
  }
}

Task<> identical(Run& run, std::size_t base_count) {
  std::size_t count = run.scaled(base_count, 10);
  co_await run.make_workspaces(count);
  co_await create(
      run, count, [&run](std::size_t n) { return run.workspace_base(n); },
      [&run](std::size_t) { return group_of(run, 0); }, [](std::size_t) { return "own"; });
}

}  // namespace

void add_crds(Workloads& all) {
  const char* bound = "the server's CPU: checking and compiling each schema";
  auto light = Workload::Weight::Light, heavy = Workload::Weight::Heavy;
  all.push_back({"crds.distinct", "200 different CRDs until all are served; discovery with them",
                 bound, light, Workload::kNothing, [](Run& run) { return distinct(run, 200); }});
  all.push_back({"crds.identical", "the same CRD in 500 workspaces", bound, light,
                 Workload::kWorkspaces, [](Run& run) { return identical(run, 500); }});
  all.push_back({"crds.distinct-10k", "10,000 different CRDs", bound, heavy, Workload::kNothing,
                 [](Run& run) { return distinct(run, 10'000); }});
  all.push_back({"crds.identical-10k", "the same CRD in 10,000 workspaces", bound, heavy,
                 Workload::kWorkspaces, [](Run& run) { return identical(run, 10'000); }});
}

}  // namespace bench::workloads
