// Workspaces: how fast they get Ready, what an idle one costs, and how a tree of them goes away.
#include <fmt/format.h>

#include "base/error.h"
#include "bench/stream.h"
#include "bench/workload.h"

namespace bench::workloads {
namespace {

constexpr const char* kBound =
    "the server's CPU: a workspace is several objects in one transaction";
constexpr std::size_t kFanOut = 10;
constexpr const char* kApi = "/apis/tenancy.kcp.io/v1alpha1/workspaces";

double kib_each(double bytes, double count) { return bytes / 1024 / count; }

// Adds what `count` things cost the server, beside what they cost on disk.
void add_cost(Run& run, Row& row, const std::string& unit, Memory before, double disk_before) {
  if (run.target.process() <= 0) return;
  double grown = run.server_memory().proportional - before.proportional;
  row.extra.emplace_back("KiB/" + unit, kib_each(grown, row.operations));
  if (!run.target.is_own()) return;
  double disk = run.target.disk_bytes() - disk_before;
  row.extra.emplace_back("KiB/" + unit + " on disk", kib_each(disk, row.operations));
}

double disk_of(Run& run) { return run.target.is_own() ? run.target.disk_bytes() : 0; }

Task<> flat(Run& run, std::size_t base_count) {
  std::size_t count = run.scaled(base_count, 20);
  Memory before = run.server_memory();
  double disk = disk_of(run);
  Meter meter(run.target);
  Outcome outcome = co_await run.make_workspaces(count);
  Row row{.name = run.name, .unit = "workspace", .seconds = outcome.seconds};
  row.operations = static_cast<double>(count);
  meter.read_into(row);
  row.latency = outcome.latency;
  add_cost(run, row, "workspace", before, disk);
  run.report.add(std::move(row));
}

Task<> with_content(Run& run) {
  constexpr std::size_t kEach = 10;
  std::size_t count = run.scaled(1'000, 10);
  Memory before = run.server_memory();
  double disk = disk_of(run);
  Meter meter(run.target);
  co_await run.make_workspaces(count);
  Load load{.method = "POST", .operations = count * kEach, .in_flight = 64, .expected_status = 201};
  load.make = [&run, count](std::size_t n, std::string& path, std::string& body) {
    path = run.workspace_maps(n % count);
    body = map_body("m" + std::to_string(n));
  };
  co_await drive(run.fleet.get(), std::move(load));
  Row row{.name = run.name, .unit = "workspace"};
  row.operations = static_cast<double>(count);
  meter.read_into(row);
  add_cost(run, row, "workspace", before, disk);
  run.report.add(std::move(row));
}

// "t", below it t:c0 .. t:c9, and so on: the path of the workspace that is number `index` of a
// level.
std::string path_in_tree(const std::string& top, std::size_t level, std::size_t index) {
  std::string path;
  for (std::size_t i = 0; i < level; ++i, index /= kFanOut) {
    path = ":c" + std::to_string(index % kFanOut) + path;
  }
  return "/clusters/root:" + top + path;
}

struct Tree {
  std::string top;
  std::size_t levels = 0, workspaces = 0;
  double seconds = 0;
  Histogram latency;
};

// A tree of at least `count` workspaces, level by level.
Task<Tree> grow(Run& run, std::size_t count) {
  Tree tree{.top = run.id()};
  co_await run.must(201, "POST", "/clusters/root" + std::string(kApi),
                    R"({"apiVersion":"tenancy.kcp.io/v1alpha1","kind":"Workspace",)"
                    R"("metadata":{"name":")" +
                        tree.top + "\"}}");
  run.remember_workspace(tree.top);
  tree.workspaces = 1;
  for (std::size_t width = kFanOut; tree.workspaces < count; width *= kFanOut) {
    std::size_t level = tree.levels++;
    std::size_t made = std::min(width, count - tree.workspaces);
    Load load{.method = "POST", .operations = made, .in_flight = 32, .expected_status = 201};
    load.make = [top = tree.top, level](std::size_t n, std::string& path, std::string& body) {
      path = path_in_tree(top, level, n / kFanOut) + kApi;
      body = fmt::format(R"({{"apiVersion":"tenancy.kcp.io/v1alpha1","kind":"Workspace",)"
                         R"("metadata":{{"name":"c{}"}}}})",
                         n % kFanOut);
    };
    Outcome outcome = co_await drive(run.fleet.get(), std::move(load));
    tree.workspaces += made;
    tree.seconds += outcome.seconds;
    tree.latency.merge(outcome.latency);
  }
  co_return tree;
}

Task<> tree(Run& run) {
  Meter meter(run.target);
  Tree tree = co_await grow(run, run.scaled(2'000, 30));
  Row row{.name = run.name, .unit = "workspace", .seconds = tree.seconds};
  row.operations = static_cast<double>(tree.workspaces);
  meter.read_into(row);
  row.latency = tree.latency;
  run.report.add(std::move(row));
}

// Asks until the status is as `wanted` says; seconds since `start`.
Task<double> await_status(Run& run, std::string path, bool found, std::int64_t start) {
  constexpr double kLimit = 300;
  while (true) {
    Answer answer = co_await run.ask("GET", path);
    double passed = static_cast<double>(now_ns() - start) / 1e9;
    if ((answer.status == 200) == found) co_return passed;
    if (passed > kLimit) throw Error(Reason::Timeout, path + " did not go in time");
    co_await sleep_for(5ms);
  }
}

// Until no workspace is left anywhere that the tree brought: all that is visible over all clusters.
Task<std::size_t> count_everywhere(Run& run) {
  ListQuestion question{std::string("/clusters/*") + kApi};
  co_return (co_await read_list(&run.fleet->at(0), question)).items;
}

struct Return {
  double bytes = 0, seconds = 0;
};

// Waits until the server holds no more than `wanted`, but not forever: the least that was seen, and
// when.
Task<Return> await_memory(Run& run, double wanted) {
  constexpr int kSeconds = 45;
  Return least{.bytes = run.server_memory().proportional};
  for (int i = 1; i <= kSeconds && least.bytes > wanted; ++i) {
    co_await sleep_for(1s);
    double now = run.server_memory().proportional;
    if (now < least.bytes) least = {now, static_cast<double>(i)};
  }
  co_return least;
}

Task<> delete_tree(Run& run, std::size_t base_count) {
  std::size_t before_count = co_await count_everywhere(run);
  Memory before = run.server_memory();
  Tree tree = co_await grow(run, run.scaled(base_count, 30));
  Memory full = run.server_memory();
  std::string leaf = path_in_tree(tree.top, 1, 0) + "/api/v1/namespaces/default/configmaps";
  co_await await_status(run, leaf, true, now_ns());
  Meter meter(run.target);
  std::int64_t start = now_ns();
  co_await run.must(200, "DELETE", "/clusters/root" + std::string(kApi) + "/" + tree.top);
  double invisible = co_await await_status(run, leaf, false, start);
  co_await await_status(run, "/clusters/root" + std::string(kApi) + "/" + tree.top, false, start);
  while (co_await count_everywhere(run) > before_count) co_await sleep_for(20ms);
  Row row{.name = run.name, .unit = "workspace"};
  row.operations = static_cast<double>(tree.workspaces);
  meter.read_into(row);
  row.extra = {{"ms until invisible", invisible * 1000}};
  if (run.target.process() > 0) {
    double grown = full.proportional - before.proportional;
    Return memory = co_await await_memory(run, before.proportional + grown / 20);
    row.extra.emplace_back("MiB before", before.proportional / 1048576);
    row.extra.emplace_back("MiB grown", grown / 1048576);
    row.extra.emplace_back("MiB kept", (memory.bytes - before.proportional) / 1048576);
    row.extra.emplace_back("s until that", memory.seconds);
  }
  run.report.add(std::move(row));
}

Task<> open_loop(Run& run) {
  double rate = run.rate(500);
  std::size_t count = run.scaled(static_cast<std::size_t>(rate * 5), 50);
  Load load{.method = "POST", .operations = count, .rate = rate, .expected_status = 201};
  load.make = [&run](std::size_t n, std::string& path, std::string& body) {
    path = "/clusters/root" + std::string(kApi);
    body = fmt::format(R"({{"apiVersion":"tenancy.kcp.io/v1alpha1","kind":"Workspace",)"
                       R"("metadata":{{"name":"{}"}}}})",
                       run.workspace_name(n));
  };
  if (!run.target.is_own()) {
    for (std::size_t n = 0; n < count; ++n) run.remember_workspace(run.workspace_name(n));
  }
  co_await run.measure({.name = run.name, .unit = "workspace"}, std::move(load));
}

}  // namespace

void add_workspaces(Workloads& all) {
  auto light = Workload::Weight::Light, heavy = Workload::Weight::Heavy;
  auto add = [&](std::string name, std::string about, Workload::Weight weight,
                 std::function<Task<>(Run&)> run) {
    all.push_back({"workspaces." + std::move(name), std::move(about), kBound, weight,
                   Workload::kWorkspaces, std::move(run)});
  };
  add("flat", "5,000 workspaces to Ready, 32 in flight; memory and disk of each", light,
      [](Run& run) { return flat(run, 5'000); });
  add("open", "workspaces at a given rate (500/s): latency from the time due", light, open_loop);
  add("tree", "2,000 workspaces, ten below each", light, tree);
  add("content", "memory and disk of 1,000 workspaces with ten objects of 1 KiB", light,
      with_content);
  add("delete-tree", "a tree of 2,000 goes: until invisible, until gone, memory given back", light,
      [](Run& run) { return delete_tree(run, 2'000); });
  add("delete-tree-10k", "the same with 10,000", heavy,
      [](Run& run) { return delete_tree(run, 10'000); });
  add("flat-1m", "1,000,000 empty workspaces", heavy,
      [](Run& run) { return flat(run, 1'000'000); });
}

}  // namespace bench::workloads
