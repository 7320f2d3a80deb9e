// Durable writes: creates, updates, patches and applies of objects of a KiB, each acknowledged when
// it is safe.
#include <fmt/format.h>

#include "base/error.h"
#include "bench/stream.h"
#include "bench/workload.h"

namespace bench::workloads {
namespace {

constexpr const char* kBound = "the disk's sync with few in flight, the server's CPU with many";

// So many that a few seconds go by.
std::size_t writes_at(std::size_t in_flight) {
  if (in_flight == 1) return 3'000;
  return in_flight <= 10 ? 10'000 : 30'000;
}

// Where object n of a load goes: one namespace, or one of many workspaces.
std::string place(Run& run, std::size_t workspaces, std::size_t n) {
  return workspaces == 0 ? run.maps() : run.workspace_maps(n % workspaces);
}

Load creates(Run& run, std::size_t count, std::size_t in_flight, std::size_t workspaces) {
  Load load{.method = "POST", .operations = count, .in_flight = in_flight, .expected_status = 201};
  load.make = [&run, workspaces](std::size_t n, std::string& path, std::string& body) {
    path = place(run, workspaces, n);
    body = map_body("m" + std::to_string(n));
  };
  return load;
}

// In one namespace all objects are read back; spread over workspaces, each workspace's are counted.
Task<> verify(Run& run, std::size_t count, std::size_t workspaces, std::string version) {
  if (workspaces == 0) {
    co_await verify_maps(&run.fleet->at(0), run.maps(), "m", count, std::move(version), kPayload);
    co_return;
  }
  std::size_t found = 0;
  for (std::size_t i = 0; i < workspaces; ++i) {
    auto count_ours = [&](const ScannedItem& item) {
      found += item.name.starts_with("m") && item.version == version ? 1 : 0;
    };
    co_await read_list(&run.fleet->at(0), {.path = run.workspace_maps(i), .on_item = count_ours});
  }
  if (found == count) co_return;
  throw Error(Reason::InternalError,
              fmt::format("{} of {} objects are in their workspaces", found, count));
}

Task<> create(Run& run, std::size_t in_flight, std::size_t workspaces) {
  std::size_t count = run.scaled(writes_at(in_flight), 100);
  std::size_t spread = workspaces == 0 ? 0 : run.scaled(workspaces, 10);
  if (spread > 0) co_await run.make_workspaces(spread);
  Row row{.name = run.name, .unit = "create"};
  if (in_flight == 1) {
    row.limit_name = "fdatasync";
    row.limit = run.sync_rate();
  } else {
    row.limit_name = "livez";
    row.limit = co_await run.livez_rate(in_flight);
  }
  co_await run.measure(std::move(row), creates(run, count, in_flight, spread));
  co_await verify(run, count, spread, "1");
}

Task<> create_open(Run& run) {
  double rate = run.rate(1'000);
  Load load = creates(run, run.scaled(static_cast<std::size_t>(rate * 5), 100), 1, 0);
  load.rate = rate;
  std::size_t count = load.operations;
  co_await run.measure({.name = run.name, .unit = "create"}, std::move(load));
  co_await verify(run, count, 0, "1");
}

// How an object that is there is written again.
struct Form {
  std::string_view name, says;
  std::string method, content_type, query;
  bool whole = false;  // the body is the whole object
};

// Changes each of a number of objects once.
Task<> change(Run& run, Form form, std::size_t in_flight, std::size_t workspaces) {
  std::size_t count = run.scaled(writes_at(in_flight), 100);
  std::size_t spread = workspaces == 0 ? 0 : run.scaled(workspaces, 10);
  if (spread > 0) co_await run.make_workspaces(spread);
  co_await drive(run.fleet.get(), creates(run, count, 64, spread));
  Load load{.method = form.method,
            .content_type = form.content_type,
            .operations = count,
            .in_flight = in_flight};
  load.make = [&run, form, spread](std::size_t n, std::string& path, std::string& body) {
    std::string name = "m" + std::to_string(n);
    path = place(run, spread, n) + "/" + name + form.query;
    body = form.whole ? map_body(name, "2") : R"({"data":{"version":"2"}})";
  };
  co_await run.measure({.name = run.name, .unit = "write"}, std::move(load));
  co_await verify(run, count, spread, "2");
}

Task<> apply(Run& run, Form form, std::size_t in_flight, std::size_t workspaces) {
  Question probe{form.method, run.maps() + "/probe" + form.query, map_body("probe"),
                 form.content_type};
  Answer answer = co_await ask(run.fleet->at(0), probe);
  if (answer.status == 415) throw Skip("the server does not know server-side apply");
  co_await change(run, std::move(form), in_flight, workspaces);
}

// Creates by applying, as Helm and Flux install.
Task<> create_by_apply(Run& run, Form form, std::size_t in_flight) {
  std::size_t count = run.scaled(writes_at(in_flight), 100);
  Load load{.method = form.method,
            .content_type = form.content_type,
            .operations = count,
            .in_flight = in_flight,
            .expected_status = 201};
  load.make = [&run, form](std::size_t n, std::string& path, std::string& body) {
    std::string name = "m" + std::to_string(n);
    path = run.maps() + "/" + name + form.query;
    body = map_body(name);
  };
  co_await run.measure({.name = run.name, .unit = "write"}, std::move(load));
  co_await verify(run, count, 0, "1");
}

Form put_form() { return {"update", "replaces each object", "PUT", "application/json", "", true}; }
Form patch_form() {
  return {"patch", "changes a field of each object by a merge patch", "PATCH",
          "application/merge-patch+json", ""};
}
// By another manager than the one who made the objects, so that fields change hands.
Form apply_form() {
  return {"apply",
          "applies the whole of each object (server-side apply)",
          "PATCH",
          "application/apply-patch+yaml",
          "?fieldManager=applier&force=true",
          true};
}

void add_changes(Workloads& all, const Form& form, std::size_t in_flight, bool spread) {
  auto run = form.name == "apply" ? apply : change;
  std::size_t workspaces = spread ? 1000 : 0;
  all.push_back({fmt::format("writes.{}-{}{}", form.name, in_flight, spread ? "-spread" : ""),
                 fmt::format("{}{}, {} in flight", form.says,
                             spread ? ", over 1,000 workspaces" : "", in_flight),
                 kBound, Workload::Weight::Light,
                 spread ? Workload::kWorkspaces : Workload::kNothing,
                 [form, run, in_flight, workspaces](Run& one) {
                   return run(one, form, in_flight, workspaces);
                 }});
}

}  // namespace

void add_writes(Workloads& all) {
  for (std::size_t in_flight : {1, 10, 64, 256, 1000}) {
    all.push_back({fmt::format("writes.create-{}", in_flight),
                   fmt::format("creates of 1 KiB, {} in flight", in_flight), kBound,
                   Workload::Weight::Light, Workload::kNothing,
                   [in_flight](Run& run) { return create(run, in_flight, 0); }});
  }
  for (std::size_t in_flight : {64, 256}) {
    all.push_back({fmt::format("writes.create-{}-spread", in_flight),
                   fmt::format("the same over 1,000 workspaces, {} in flight", in_flight), kBound,
                   Workload::Weight::Light, Workload::kWorkspaces,
                   [in_flight](Run& run) { return create(run, in_flight, 1000); }});
  }
  all.push_back({"writes.create-open",
                 "creates at a given rate (1,000/s): latency from the time due", "the disk's sync",
                 Workload::Weight::Light, Workload::kNothing, create_open});
  for (const Form& form : {put_form(), patch_form(), apply_form()}) {
    for (std::size_t in_flight : {1, 10, 64, 256, 1000}) add_changes(all, form, in_flight, false);
    for (std::size_t in_flight : {64, 256}) add_changes(all, form, in_flight, true);
  }
  all.push_back({"writes.create-by-apply-64", "creates by server-side apply, 64 in flight", kBound,
                 Workload::Weight::Light, Workload::kNothing,
                 [](Run& run) { return create_by_apply(run, apply_form(), 64); }});
}

}  // namespace bench::workloads
