// Time as the rest of the system sees it. Code below band 5 receives a Clock; tests own time.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

using Duration = std::chrono::nanoseconds;
using TimePoint = std::chrono::sys_time<std::chrono::nanoseconds>;  // wall clock, UTC
using namespace std::chrono_literals;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;  // thread-safe
};

// The machine's wall clock.
const Clock& system_clock();

// A clock that tests set. Not thread-safe.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(TimePoint start = TimePoint(std::chrono::seconds(1'700'000'000)))
      : now_(start) {}
  TimePoint now() const override { return now_; }
  void advance(Duration by) { now_ += by; }

 private:
  TimePoint now_;
};

// RFC 3339 as Kubernetes writes it: metav1.Time has seconds ("2026-01-02T03:04:05Z"),
// metav1.MicroTime has six digits of fraction.
std::string format_time(TimePoint time);
std::string format_micro_time(TimePoint time);
// Accepts any RFC 3339 text with offset and fraction; nothing if it is not one.
std::optional<TimePoint> parse_time(std::string_view text);
