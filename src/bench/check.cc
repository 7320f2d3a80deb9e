#include "bench/check.h"

#include <algorithm>

namespace bench {
namespace {

constexpr const char* kCpu = "cpuMicroseconds";
constexpr const char* kInstructions = "instructions";

void keep_lowest(json::Value& row, const char* name, double value) {
  const json::Value& known = row[name];
  row.set(name, known.is_null() ? value : std::min(known.as_double(), value));
}

double ratio(double value, double base) { return base > 0 ? value / base : 0; }

Verdict judge(std::string_view name, const json::Value& baseline, const json::Value& figures) {
  const json::Value& base = baseline["rows"][name];
  const json::Value& row = figures["rows"][name];
  Verdict verdict{.row = std::string(name)};
  verdict.spread = ratio(row["highest"].as_double(), row[kCpu].as_double());
  verdict.by_instructions = base.contains(kInstructions) && row.contains(kInstructions);
  if (verdict.by_instructions) {
    verdict.ratio = ratio(row[kInstructions].as_double(), base[kInstructions].as_double());
  } else {
    double speed = ratio(figures["calibrationSeconds"].as_double(),
                         baseline["calibrationSeconds"].as_double());
    double cost = ratio(row[kCpu].as_double(), base[kCpu].as_double());
    verdict.ratio = ratio(cost, speed);
  }
  verdict.passed = verdict.ratio > 0 && verdict.ratio <= kCheckLimit;
  return verdict;
}

}  // namespace

const std::vector<CheckedRow>& checked_rows() {
  static const std::vector<CheckedRow> rows = {
      {"writes.create-64", "writes.create-64", 0.25},
      {"writes.update-64", "writes.update-64", 0.25},
      {"reads.get-64", "reads.get-64", 0.25},
      {"lists.small", "lists.small all", 0.25},
      {"watches.fan-out", "watches.fan-out", 0.25},
      {"workspaces.flat", "workspaces.flat", 0.25},
  };
  return rows;
}

void CheckFigures::add(const Row& row) {
  if (!row.server_cpu_us) return;
  json::Value& kept = rows_.edit(row.name);
  kept.set("highest", std::max(kept["highest"].as_double(), *row.server_cpu_us));
  keep_lowest(kept, kCpu, *row.server_cpu_us);
  if (row.instructions) keep_lowest(kept, kInstructions, *row.instructions);
}

json::Value CheckFigures::to_json(double calibration_seconds) const {
  return json::Value::object({{"calibrationSeconds", calibration_seconds}, {"rows", rows_}});
}

std::vector<Verdict> compare(const json::Value& baseline, const json::Value& figures) {
  std::vector<Verdict> verdicts;
  for (const json::Member& row : figures["rows"].members()) {
    verdicts.push_back(judge(row.key, baseline, figures));
  }
  for (const json::Member& row : baseline["rows"].members()) {
    if (!figures["rows"].contains(row.key)) verdicts.push_back(judge(row.key, baseline, figures));
  }
  return verdicts;
}

}  // namespace bench
