// Logging: one line per event, klog-like: "I 2026-01-02T03:04:05.678901Z module message key=value".
// Thread-safe. Levels below the threshold cost one comparison. Secrets are never logged.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

enum class LogLevel { Debug, Info, Warning, Error };

using LogField = std::pair<std::string_view, std::string>;

void log(LogLevel level, std::string_view module, std::string_view message,
         std::initializer_list<LogField> fields = {});
void set_log_level(LogLevel threshold);
bool log_enabled(LogLevel level);
