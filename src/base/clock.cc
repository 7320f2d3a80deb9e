#include "base/clock.h"

#include <fmt/format.h>

namespace {

class SystemClock final : public Clock {
 public:
  TimePoint now() const override {
    return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
  }
};

// Kept for each thread: many objects are made within one second.
struct LastSecond {
  std::int64_t second = INT64_MIN;
  std::string text;
};

std::string format_seconds(TimePoint time) {
  thread_local LastSecond last;
  auto second = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  if (second == last.second) return last.text;
  auto day = std::chrono::floor<std::chrono::days>(time);
  std::chrono::year_month_day date(day);
  std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - day));
  last.text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                          static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                          clock.hours().count(), clock.minutes().count(), clock.seconds().count());
  last.second = second;
  return last.text;
}

// Reads exactly `digits` digits at `at`; -1 if they are not there.
int read_number(std::string_view text, std::size_t at, std::size_t digits) {
  if (at + digits > text.size()) return -1;
  int value = 0;
  for (std::size_t i = at; i < at + digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

// The offset from UTC at the end of an RFC 3339 text: "Z", "+02:00"; nothing if malformed.
std::optional<std::chrono::minutes> read_offset(std::string_view text) {
  if (text == "Z" || text == "z") return std::chrono::minutes(0);
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':') return {};
  int hours = read_number(text, 1, 2), minutes = read_number(text, 4, 2);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return {};
  std::chrono::minutes offset(hours * 60 + minutes);
  return text[0] == '-' ? -offset : offset;
}

}  // namespace

const Clock& system_clock() {
  static const SystemClock clock;
  return clock;
}

std::string format_time(TimePoint time) { return format_seconds(time) + "Z"; }

std::string format_micro_time(TimePoint time) {
  auto micros = std::chrono::floor<std::chrono::microseconds>(time).time_since_epoch().count();
  micros = ((micros % 1'000'000) + 1'000'000) % 1'000'000;
  return fmt::format("{}.{:06}Z", format_seconds(time), micros);
}

std::optional<TimePoint> parse_time(std::string_view text) {
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || text[13] != ':' || text[16] != ':' ||
      (text[10] != 'T' && text[10] != 't')) {
    return {};
  }
  int year = read_number(text, 0, 4), month = read_number(text, 5, 2);
  int day = read_number(text, 8, 2), hour = read_number(text, 11, 2);
  int minute = read_number(text, 14, 2), second = read_number(text, 17, 2);
  std::chrono::year_month_day date{std::chrono::year(year),
                                   std::chrono::month(static_cast<unsigned>(month)),
                                   std::chrono::day(static_cast<unsigned>(day))};
  if (year < 0 || month < 0 || day < 0 || !date.ok() || hour < 0 || hour > 23 || minute < 0 ||
      minute > 59 || second < 0 || second > 60) {
    return {};
  }
  std::size_t at = 19;
  std::int64_t nanos = 0;
  if (text[at] == '.') {
    std::int64_t unit = 100'000'000;
    std::size_t first = ++at;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, unit /= 10) {
      nanos += (text[at] - '0') * unit;
    }
    if (at == first) return {};
  }
  auto offset = read_offset(text.substr(at));
  if (!offset) return {};
  return TimePoint(std::chrono::sys_days(date)) + std::chrono::hours(hour) +
         std::chrono::minutes(minute) + std::chrono::seconds(second) +
         std::chrono::nanoseconds(nanos) - *offset;
}
