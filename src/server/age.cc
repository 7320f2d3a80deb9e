#include "server/age.h"

#include <fmt/format.h>

namespace server {

std::string human_duration(Duration duration) {
  auto seconds = std::chrono::floor<std::chrono::seconds>(duration).count();
  if (seconds < -1) return "<invalid>";
  if (seconds < 0) return "0s";
  // The larger unit, and the smaller one unless it is zero.
  auto pair = [](std::int64_t large, char l, std::int64_t small, char s) {
    return small == 0 ? fmt::format("{}{}", large, l) : fmt::format("{}{}{}{}", large, l, small, s);
  };
  const std::int64_t minutes = seconds / 60, hours = minutes / 60, days = hours / 24;
  if (seconds < 120) return fmt::format("{}s", seconds);
  if (minutes < 10) return pair(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return fmt::format("{}m", minutes);
  if (hours < 8) return pair(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return fmt::format("{}h", hours);
  if (hours < 24 * 8) return pair(days, 'd', hours % 24, 'h');
  if (days < 365 * 2) return fmt::format("{}d", days);
  if (days < 365 * 8) return pair(days / 365, 'y', days % 365, 'd');
  return fmt::format("{}y", days / 365);
}

std::string age_of(std::string_view time, TimePoint now) {
  auto parsed = parse_time(time);
  return parsed ? human_duration(now - *parsed) : "<unknown>";
}

}  // namespace server
