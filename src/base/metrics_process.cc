// The metrics that every process has, as Prometheus' client libraries name them.
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/metrics.h"

namespace metrics {
namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

struct Memory {
  std::uint64_t in_all = 0, resident = 0;
};

Memory memory() {
  Memory pages;
  std::ifstream("/proc/self/statm") >> pages.in_all >> pages.resident;
  auto size = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return {pages.in_all * size, pages.resident * size};
}

// Seconds since 1970: the machine's start and how long after it this process began.
double start_time() {
  std::string line, word;
  std::ifstream machine("/proc/stat");
  double booted = 0;
  while (machine >> word) {
    if (word == "btime") machine >> booted;
  }
  std::getline(std::ifstream("/proc/self/stat") >> std::ws, line);
  std::istringstream fields(line.substr(std::min(line.rfind(')') + 1, line.size())));
  for (int field = 3; field < 22; ++field) fields >> word;  // what follows the name is the third
  double ticks = 0;
  fields >> ticks;
  return booted + ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

std::size_t open_files() {
  std::error_code failed;
  std::size_t count = 0;
  std::filesystem::directory_iterator it("/proc/self/fd", failed);
  for (; it != std::filesystem::directory_iterator(); it.increment(failed)) ++count;
  return count;
}

}  // namespace

std::string process_text() {
  static const double started = start_time();
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  Memory now = memory();
  std::string out;
  auto add = [&](const char* name, const char* help, const char* type, auto value) {
    fmt::format_to(std::back_inserter(out), "# HELP {0} {1}\n# TYPE {0} {2}\n{0} {3}\n", name, help,
                   type, value);
  };
  add("process_cpu_seconds_total", "Processor time used, user and system.", "counter",
      seconds(used.ru_utime) + seconds(used.ru_stime));
  add("process_max_fds", "How many file descriptors may be open.", "gauge",
      static_cast<std::uint64_t>(files.rlim_cur));
  add("process_open_fds", "Open file descriptors.", "gauge", open_files());
  add("process_resident_memory_bytes", "Resident memory.", "gauge", now.resident);
  add("process_start_time_seconds", "When the process began, in seconds since 1970.", "gauge",
      started);
  add("process_virtual_memory_bytes", "Virtual memory.", "gauge", now.in_all);
  return out;
}

}  // namespace metrics
