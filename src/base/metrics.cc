#include "base/metrics.h"

#include <fmt/format.h>

#include <map>
#include <mutex>
#include <variant>

#include "base/check.h"

namespace metrics {
namespace {

using Series =
    std::variant<std::unique_ptr<Counter>, std::unique_ptr<Gauge>, std::unique_ptr<Histogram>>;

struct Family {
  std::string help;
  std::map<std::string, Series, std::less<>> series;
};

struct Registry {
  std::mutex mutex;
  std::map<std::string, Family, std::less<>> families;  // guarded by mutex
};

Registry& registry() {
  static Registry* instance = new Registry();  // outlives static destruction
  return *instance;
}

template <class T, class Make>
T& series(std::string_view name, std::string_view help, std::string_view labels, Make make) {
  Registry& all = registry();
  std::lock_guard lock(all.mutex);
  Family& family = all.families[std::string(name)];
  family.help = help;
  auto it = family.series.find(labels);
  if (it == family.series.end()) {
    it = family.series.emplace(std::string(labels), make()).first;
  }
  auto* found = std::get_if<std::unique_ptr<T>>(&it->second);
  CHECK(found != nullptr);  // one name has one type
  return **found;
}

std::string braces(std::string_view labels) {
  return labels.empty() ? "" : "{" + std::string(labels) + "}";
}

void write_family(std::string& out, const std::string& name, const Family& family) {
  constexpr std::string_view kTypes[] = {"counter", "gauge", "histogram"};
  fmt::format_to(std::back_inserter(out), "# HELP {} {}\n# TYPE {} {}\n", name, family.help, name,
                 kTypes[family.series.begin()->second.index()]);
  for (const auto& [labels, one] : family.series) {
    if (auto* c = std::get_if<0>(&one)) {
      fmt::format_to(std::back_inserter(out), "{}{} {}\n", name, braces(labels), (*c)->value());
    } else if (auto* g = std::get_if<1>(&one)) {
      fmt::format_to(std::back_inserter(out), "{}{} {}\n", name, braces(labels), (*g)->value());
    } else {
      std::get<2>(one)->write(out, name, labels);
    }
  }
}

}  // namespace

Histogram::Histogram(std::vector<double> bounds)
    : bounds_(std::move(bounds)),
      counts_(std::make_unique<std::atomic<std::uint64_t>[]>(bounds_.size())) {}

void Histogram::observe(double value) {
  for (std::size_t i = 0; i < bounds_.size(); ++i) {
    if (value <= bounds_[i]) {
      counts_[i].fetch_add(1, std::memory_order_relaxed);
      break;
    }
  }
  total_.fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

void Histogram::write(std::string& out, std::string_view name, std::string_view labels) const {
  auto to = std::back_inserter(out);
  std::string prefix = labels.empty() ? "" : std::string(labels) + ",";
  std::uint64_t cumulative = 0;
  for (std::size_t i = 0; i < bounds_.size(); ++i) {
    cumulative += counts_[i].load(std::memory_order_relaxed);
    fmt::format_to(to, "{}_bucket{{{}le=\"{}\"}} {}\n", name, prefix, bounds_[i], cumulative);
  }
  std::uint64_t total = total_.load(std::memory_order_relaxed);
  fmt::format_to(to, "{}_bucket{{{}le=\"+Inf\"}} {}\n", name, prefix, total);
  fmt::format_to(to, "{}_sum{} {}\n{}_count{} {}\n", name, braces(labels),
                 sum_.load(std::memory_order_relaxed), name, braces(labels), total);
}

Counter& counter(std::string_view name, std::string_view help, std::string_view labels) {
  return series<Counter>(name, help, labels, [] { return std::make_unique<Counter>(); });
}

Gauge& gauge(std::string_view name, std::string_view help, std::string_view labels) {
  return series<Gauge>(name, help, labels, [] { return std::make_unique<Gauge>(); });
}

Histogram& histogram(std::string_view name, std::string_view help, std::vector<double> bounds,
                     std::string_view labels) {
  return series<Histogram>(name, help, labels,
                           [&] { return std::make_unique<Histogram>(std::move(bounds)); });
}

std::string text() {
  Registry& all = registry();
  std::lock_guard lock(all.mutex);
  std::string out;
  for (const auto& [name, family] : all.families) write_family(out, name, family);
  return out + process_text();
}

}  // namespace metrics
