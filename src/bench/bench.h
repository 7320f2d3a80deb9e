// `kcp bench` as a whole: picks workloads, gives each a server, gathers the report.
#pragma once

#include <string>
#include <vector>

#include "bench/run.h"

namespace bench {

struct Options {
  std::vector<std::string>
      names;          // of workloads, or the beginnings of names; empty: all light ones
  bool full = false;  // heavy ones too
  Sizes sizes;
  TargetOptions target;
  std::string json_path;      // "" = no file
  std::string baseline_path;  // of check()
  bool update_baseline = false;
};

// The names, what they do and what bounds them, as text.
std::string describe_workloads();
// Loops that run() and check() need in their pool.
std::size_t loops_for(const Options& options);

// Both throw Error at the end if a workload failed, or at once if a name is unknown.
Task<> run(net::LoopPool& pool, Options options);
// The subset of bench/check.h against options.baseline_path; writes that file if it shall be
// updated.
Task<> check(net::LoopPool& pool, Options options);

}  // namespace bench
