// Driving operations: a number of them in flight until a count is done, with their latencies.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/task.h"
#include "net/loop.h"

namespace cmd::bench {

struct Load {
  std::size_t operations = 0;
  std::size_t in_flight = 1;
  // One operation; gets its number and the number of the lane it runs in (0 .. in_flight - 1).
  std::function<Task<>(std::size_t operation, std::size_t lane)> run;
};

struct Timing {
  double seconds = 0;
  double p50_ms = 0;
  double p99_ms = 0;
};

Task<Timing> drive(Load load);

}  // namespace cmd::bench
