// Metrics in the Prometheus text format. Series are made once, at start-up, and are constant in
// number: never one per workspace, object or user. All operations are thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace metrics {

class Counter {
 public:
  void add(std::uint64_t by = 1) { value_.fetch_add(by, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_ = 0;
};

class Gauge {
 public:
  void set(std::int64_t to) { value_.store(to, std::memory_order_relaxed); }
  void add(std::int64_t by) { value_.fetch_add(by, std::memory_order_relaxed); }
  std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_ = 0;
};

class Histogram {
 public:
  explicit Histogram(std::vector<double> bounds);
  void observe(double value);
  // Appends the series lines for `name` with `labels` ("" or "verb=\"GET\"").
  void write(std::string& out, std::string_view name, std::string_view labels) const;

 private:
  std::vector<double> bounds_;
  std::unique_ptr<std::atomic<std::uint64_t>[]> counts_;
  std::atomic<std::uint64_t> total_ = 0;
  std::atomic<double> sum_ = 0;
};

// Registers (once) and returns a series that lives as long as the process. The same name and
// labels give the same object. `labels` is the text between the braces, e.g. "verb=\"GET\"".
Counter& counter(std::string_view name, std::string_view help, std::string_view labels = "");
Gauge& gauge(std::string_view name, std::string_view help, std::string_view labels = "");
Histogram& histogram(std::string_view name, std::string_view help, std::vector<double> bounds,
                     std::string_view labels = "");

// The whole registry as Prometheus text, families in name order, then process_text().
std::string text();
// Processor time, memory, descriptors and start of this process.
std::string process_text();

}  // namespace metrics
