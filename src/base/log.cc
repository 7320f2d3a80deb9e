#include "base/log.h"

#include <unistd.h>

#include <atomic>

#include "base/clock.h"
#include "base/strings.h"

namespace {

std::atomic<LogLevel> threshold = LogLevel::Info;
constexpr char kLetters[] = {'D', 'I', 'W', 'E'};

bool needs_quotes(std::string_view value) {
  return value.empty() || value.find_first_of(" \"\\\n\t=") != std::string_view::npos;
}

}  // namespace

void set_log_level(LogLevel level) { threshold = level; }

bool log_enabled(LogLevel level) { return level >= threshold.load(std::memory_order_relaxed); }

void log(LogLevel level, std::string_view module, std::string_view message,
         std::initializer_list<LogField> fields) {
  if (!log_enabled(level)) return;
  std::string line(1, kLetters[static_cast<int>(level)]);
  line.append(" ").append(format_micro_time(system_clock().now()));
  line.append(" ").append(module).append(" ").append(message);
  for (const auto& [key, value] : fields) {
    line.append(" ").append(key).append("=");
    line.append(needs_quotes(value) ? quote(value) : value);
  }
  line += '\n';
  // One write per line, so that lines of several threads do not mix. A full or closed stderr
  // must not stop the server.
  [[maybe_unused]] auto written = ::write(STDERR_FILENO, line.data(), line.size());
}
