#include "bench/bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <span>

#include "base/error.h"
#include "bench/check.h"
#include "bench/workload.h"
#include "json/text.h"

namespace bench {
namespace {

std::vector<const Workload*> pick(const Options& options) {
  std::vector<const Workload*> picked;
  auto add = [&](const Workload& one) {
    if (std::ranges::find(picked, &one) == picked.end()) picked.push_back(&one);
  };
  auto is_light = [&](const Workload& one) {
    return options.full || one.weight == Workload::Weight::Light;
  };
  for (const std::string& name : options.names) {
    std::size_t before = picked.size();
    auto exact = std::ranges::find(all_workloads(), name, &Workload::name);
    if (exact != all_workloads().end()) {
      add(*exact);
      continue;
    }
    for (const Workload& one : all_workloads()) {
      if (one.name.starts_with(name) && is_light(one)) add(one);
    }
    if (picked.size() == before) {
      throw Error(Reason::NotFound, "no workload is called " + name + "; see kcp bench --list");
    }
  }
  if (!options.names.empty()) return picked;
  for (const Workload& one : all_workloads()) {
    if (is_light(one)) add(one);
  }
  return picked;
}

// Why a server cannot run a workload; "" if it can.
std::string_view misses(const Workload& workload, const Run& run) {
  if ((workload.needs & Workload::kOwnServer) != 0 && !run.target.is_own()) {
    return "needs a server of its own";
  }
  if ((workload.needs & Workload::kWorkspaces) != 0 && !run.has_workspaces()) {
    return "needs workspaces";
  }
  return "";
}

Task<> run_on(Run& run, const Workload& workload) {
  Report& report = run.report;
  std::string failure;
  try {
    co_await Run::begin(&run, workload.name);
    std::string_view why = misses(workload, run);
    if (!why.empty()) throw Skip(std::string(why));
    co_await workload.run(run);
  } catch (const Skip& skip) {
    report.skip(workload.name, skip.what());
  } catch (const Error& error) {
    failure = error.message();
  }
  if (!failure.empty()) report.fail(workload.name, failure);
  try {
    co_await Run::end(&run);
  } catch (const Error& error) {
    report.progress("what was made could not be removed: " + error.message());
  }
}

// On a server of its own, or on the one that is there.
Task<> run_one(net::LoopPool& pool, const Options& options, Target* running, Sizes sizes,
               const Workload& workload, Report& report) {
  report.begin(workload.name);
  std::unique_ptr<Target> own;
  if (!running) own = std::make_unique<Target>(options.target);
  Run run(running ? *running : *own, pool, sizes, report);
  co_await run_on(run, workload);
}

std::unique_ptr<Target> running_target(const Options& options) {
  if (options.target.url.empty()) return nullptr;
  return std::make_unique<Target>(options.target);
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text << "\n";
  if (!file.flush()) throw Error::internal("cannot write " + path);
}

json::Value read_baseline(const std::string& path) {
  std::ifstream file(path);
  std::string text((std::istreambuf_iterator<char>(file)), {});
  auto value = json::parse(text);
  if (!value || !(*value)["rows"].is_object()) {
    throw Error(Reason::NotFound, path + " is no baseline; make one with --update-baseline");
  }
  return *value;
}

// Prints what came of each row; throws Error if one is too dear.
void conclude(const json::Value& baseline, const json::Value& figures) {
  std::size_t failed = 0;
  for (const Verdict& verdict : compare(baseline, figures)) {
    fmt::print("{} {:<40} {:.2f} of the baseline's {} (at most {}), rounds differ by {:.2f}\n",
               verdict.passed ? "PASS" : "FAIL", verdict.row, verdict.ratio,
               verdict.by_instructions ? "instructions" : "processor time", kCheckLimit,
               verdict.spread);
    failed += verdict.passed ? 0 : 1;
  }
  if (failed > 0) throw Error::internal(fmt::format("{} operations cost more", failed));
}

const Workload& get_workload(const std::string& name) {
  auto found = std::ranges::find(all_workloads(), name, &Workload::name);
  CHECK(found != all_workloads().end());
  return *found;
}

struct Checking {
  std::set<std::string> open;  // rows that are to be measured
  Report report;
  CheckFigures figures;
  double calibration = calibration_seconds();
};

Task<> check_round(net::LoopPool& pool, const Options& options, Checking& checking) {
  for (const CheckedRow& one : checked_rows()) {
    if (!checking.open.contains(one.row)) continue;
    std::size_t before = checking.report.rows().size();
    Sizes sizes{.scale = one.scale};
    co_await run_one(pool, options, nullptr, sizes, get_workload(one.workload), checking.report);
    if (checking.report.has_failed()) throw Error::internal("a workload failed");
    for (const Row& row : std::span(checking.report.rows()).subspan(before)) {
      if (row.name == one.row) checking.figures.add(row);
    }
  }
  checking.calibration = std::min(checking.calibration, calibration_seconds());
}

}  // namespace

std::string describe_workloads() {
  std::string text;
  for (const Workload& one : all_workloads()) {
    text += fmt::format("{:<26}{}{}\n{:<26}bounded by {}\n", one.name, one.about,
                        one.weight == Workload::Weight::Heavy ? " (only when named)" : "", "",
                        one.bound);
  }
  return text;
}

// One more than the client's threads: a server that is measured in this process has its own.
std::size_t loops_for(const Options& options) { return options.sizes.threads + 1; }

Task<> run(net::LoopPool& pool, Options options) {
  auto picked = pick(options);
  auto running = running_target(options);
  Report report;
  for (const Workload* workload : picked) {
    co_await run_one(pool, options, running.get(), options.sizes, *workload, report);
  }
  if (!options.json_path.empty()) {
    write_file(options.json_path, json::print_pretty(report.to_json()));
  }
  if (report.has_failed()) throw Error::internal("a workload failed");
}

Task<> check(net::LoopPool& pool, Options options) {
  json::Value baseline, measured;
  if (!options.update_baseline) baseline = read_baseline(options.baseline_path);
  Checking checking;
  for (const CheckedRow& one : checked_rows()) checking.open.insert(one.row);
  for (int attempt = 0; attempt < kCheckAttempts && !checking.open.empty(); ++attempt) {
    for (int i = 0; i < kCheckRounds; ++i) co_await check_round(pool, options, checking);
    measured = checking.figures.to_json(checking.calibration);
    if (options.update_baseline) break;
    checking.open.clear();
    for (const Verdict& verdict : compare(baseline, measured)) {
      if (!verdict.passed) checking.open.insert(verdict.row);
    }
  }
  if (!options.update_baseline) co_return conclude(baseline, measured);
  measured.set("machine", machine_facts());
  write_file(options.baseline_path, json::print_pretty(measured));
}

}  // namespace bench
