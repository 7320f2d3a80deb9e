#include "bench/report.h"

#include <fmt/format.h>

#include <cstdio>

#include "bench/process_facts.h"

namespace bench {
namespace {

std::string cell(std::optional<double> value, const char* form) {
  return value ? fmt::format(fmt::runtime(form), *value) : "-";
}

std::optional<double> milliseconds(const Histogram& latency, double percent) {
  if (latency.count() == 0) return std::nullopt;
  return static_cast<double>(latency.percentile(percent)) / 1e6;
}

std::string notes(const Row& row) {
  std::string text;
  if (row.limit > 0) text = fmt::format("{:.2f} of {}", row.rate() / row.limit, row.limit_name);
  auto put = [&](const std::string& name, double value) {
    text += fmt::format("{}{:.{}f} {}", text.empty() ? "" : ", ", value,
                        value == static_cast<double>(static_cast<long>(value)) ? 0 : 2, name);
  };
  if (row.store_cpu_us) put("CPU us in its store", *row.store_cpu_us);
  for (const auto& [name, value] : row.extra) put(name, value);
  return text;
}

json::Value row_to_json(const Row& row) {
  json::Value value = json::Value::object({{"name", row.name},
                                           {"unit", row.unit},
                                           {"operations", row.operations},
                                           {"seconds", row.seconds},
                                           {"rate", row.rate()}});
  auto put = [&](const char* name, std::optional<double> figure) {
    if (figure) value.set(name, *figure);
  };
  put("p50Milliseconds", milliseconds(row.latency, 50));
  put("p99Milliseconds", milliseconds(row.latency, 99));
  put("maxMilliseconds", milliseconds(row.latency, 100));
  put("serverCpuMicroseconds", row.server_cpu_us);
  put("storeCpuMicroseconds", row.store_cpu_us);
  put("clientCpuMicroseconds", row.client_cpu_us);
  put("serverInstructions", row.instructions);
  put("bytes", row.bytes);
  if (row.limit > 0) {
    value.set("limit", json::Value::object({{"name", row.limit_name},
                                            {"rate", row.limit},
                                            {"ratio", row.rate() / row.limit}}));
  }
  for (const auto& [name, figure] : row.extra) value.edit("extra").set(name, figure);
  return value;
}

}  // namespace

void Report::begin(const std::string& workload) { fmt::print(stderr, "-- {}\n", workload); }

void Report::progress(const std::string& text) { fmt::print(stderr, "   {}\n", text); }

void Report::add(Row row) {
  if (!std::exchange(printed_head_, true)) {
    fmt::print("{:<40}{:>10}{:>12}{:>10}{:>10}{:>10}{:>10}{:>9}{:>9}  {}\n", "workload", "ops",
               "per s", "p50 ms", "p99 ms", "CPU us", "client", "kinstr", "bytes", "notes");
  }
  std::optional<double> thousands;
  if (row.instructions) thousands = *row.instructions / 1000;
  fmt::print("{:<40}{:>10.0f}{:>12.0f}{:>10}{:>10}{:>10}{:>10}{:>9}{:>9}  {}\n", row.name,
             row.operations, row.rate(), cell(milliseconds(row.latency, 50), "{:.2f}"),
             cell(milliseconds(row.latency, 99), "{:.2f}"), cell(row.server_cpu_us, "{:.2f}"),
             cell(row.client_cpu_us, "{:.2f}"), cell(thousands, "{:.1f}"),
             cell(row.bytes, "{:.0f}"), notes(row));
  std::fflush(stdout);
  rows_.push_back(std::move(row));
}

void Report::skip(const std::string& workload, const std::string& why) {
  fmt::print("{:<40}skipped: {}\n", workload, why);
  std::fflush(stdout);
  skipped_.set(workload, why);
}

void Report::fail(const std::string& workload, const std::string& why) {
  fmt::print("{:<40}FAILED: {}\n", workload, why);
  std::fflush(stdout);
  failures_.set(workload, why);
  failed_ = true;
}

json::Value Report::to_json() const {
  json::Value rows = json::Value::array();
  for (const Row& row : rows_) rows.push_back(row_to_json(row));
  return json::Value::object({{"version", version_},
                              {"machine", machine_facts()},
                              {"rows", rows},
                              {"skipped", skipped_},
                              {"failed", failures_}});
}

}  // namespace bench
