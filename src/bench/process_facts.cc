#include "bench/process_facts.h"

#include <linux/perf_event.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <sstream>

#include "base/clock.h"
#include "base/strings.h"

namespace bench {
namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

std::string file_of(pid_t process, const char* name) {
  return "/proc/" + std::to_string(process) + "/" + name;
}

// The value of "name: value" in a file such as /proc/cpuinfo; "" if it is not there.
std::string field_of(const std::string& path, std::string_view name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::size_t colon = line.find(':');
    if (colon == std::string::npos || trim(std::string_view(line).substr(0, colon)) != name) {
      continue;
    }
    return std::string(trim(std::string_view(line).substr(colon + 1)));
  }
  return "";
}

double kilobytes(const std::string& path, std::string_view name) {
  std::istringstream text(field_of(path, name));
  double value = 0;
  text >> value;
  return value * 1024;
}

double thread_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

}  // namespace

double cpu_seconds(pid_t process) {
  clockid_t clock{};
  timespec time{};
  bool found = process > 0 && ::clock_getcpuclockid(process, &clock) == 0 &&
               ::clock_gettime(clock, &time) == 0;
  if (!found) return 0;
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

double own_cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

Memory memory_of(pid_t process) {
  std::string path = file_of(process, "smaps_rollup");
  return {kilobytes(path, "Rss"), kilobytes(path, "Pss")};
}

InstructionCounter::InstructionCounter(pid_t process) {
  perf_event_attr attributes{};
  attributes.size = sizeof attributes;
  attributes.type = PERF_TYPE_HARDWARE;
  attributes.config = PERF_COUNT_HW_INSTRUCTIONS;
  attributes.exclude_kernel = 1;
  attributes.exclude_hv = 1;
  attributes.inherit = 1;
  std::error_code none;
  for (const auto& thread : std::filesystem::directory_iterator(file_of(process, "task"), none)) {
    int id = std::stoi(thread.path().filename().string());
    long counter = ::syscall(SYS_perf_event_open, &attributes, id, -1, -1, PERF_FLAG_FD_CLOEXEC);
    if (counter >= 0) counters_.push_back(static_cast<int>(counter));
  }
}

InstructionCounter::~InstructionCounter() {
  for (int counter : counters_) ::close(counter);
}

std::optional<double> InstructionCounter::read() const {
  if (counters_.empty()) return std::nullopt;
  double sum = 0;
  for (int counter : counters_) {
    std::uint64_t value = 0;
    if (::read(counter, &value, sizeof value) == sizeof value) sum += static_cast<double>(value);
  }
  return sum;
}

json::Value machine_facts() {
  utsname system{};
  ::uname(&system);
#ifdef NDEBUG
  const char* build = "release";
#else
  const char* build = "debug";
#endif
  return json::Value::object({{"date", format_time(system_clock().now())},
                              {"cores", ::sysconf(_SC_NPROCESSORS_ONLN)},
                              {"processor", field_of("/proc/cpuinfo", "model name")},
                              {"kernel", std::string(system.release)},
                              {"memoryBytes", kilobytes("/proc/meminfo", "MemTotal")},
                              {"build", build}});
}

double calibration_seconds() {
  constexpr std::size_t kWords = 1U << 16;
  constexpr int kRounds = 40, kTries = 5;
  std::vector<std::uint32_t> next(kWords);
  std::iota(next.begin(), next.end(), 1U);
  for (std::size_t i = 0; i < kWords; ++i) next[i] = (next[i] * 40'503U) % kWords;
  double best = 1e9;
  volatile std::uint64_t sink = 0;
  for (int attempt = 0; attempt < kTries; ++attempt) {
    double start = thread_seconds();
    std::uint64_t hash = 14'695'981'039'346'656'037ULL;
    std::uint32_t at = 0;
    for (std::size_t step = 0; step < kWords * kRounds; ++step) {
      at = next[at ^ (step & 7)];
      hash = (hash ^ at) * 1'099'511'628'211ULL;
    }
    sink = sink + hash;
    best = std::min(best, thread_seconds() - start);
  }
  return best;
}

}  // namespace bench
