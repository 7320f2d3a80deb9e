// What the kernel knows of a process: processor time, memory, instructions; and of this machine.
// Source: proc(5), clock_getcpuclockid(3),
// perf_event_open(2).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "json/value.h"

namespace bench {

double cpu_seconds(pid_t process);  // user and system time so far; 0 if there is no such process
double own_cpu_seconds();

struct Memory {
  double resident = 0, proportional = 0;  // bytes: RSS and PSS
};
Memory memory_of(pid_t process);  // zeros if there is no such process

// Instructions that a process executes in user mode, in all its threads. Many machines, virtual
// ones above all, do not let them be counted; then read() gives nothing.
class InstructionCounter {
 public:
  explicit InstructionCounter(pid_t process);
  ~InstructionCounter();
  InstructionCounter(const InstructionCounter&) = delete;
  InstructionCounter& operator=(const InstructionCounter&) = delete;

  std::optional<double> read() const;  // since construction

 private:
  std::vector<int> counters_;  // one for each thread there was, inherited by those it starts
};

// Cores, kernel, processor, memory, date and kind of build.
json::Value machine_facts();
// How fast one core is just now: processor seconds of a fixed piece of work (hashing and walking
// memory). Figures of one machine divided by this compare with those of another.
double calibration_seconds();

}  // namespace bench
