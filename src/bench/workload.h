// The workloads: each has a name, says what it does and what bounds it, and runs on a fresh server
// with whatever it needs. To add one: an entry in a file of workloads/, or a file and its line in
// all_workloads().
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bench/run.h"

namespace bench {

struct Workload {
  enum class Weight { Light, Heavy };  // heavy: minutes, or gigabytes; runs only when it is named
  enum Need : unsigned { kNothing = 0, kWorkspaces = 1, kOwnServer = 2 };

  std::string name;   // "subject.what"
  std::string about;  // one line
  std::string bound;  // what its figure is bounded by
  Weight weight = Weight::Light;
  unsigned needs = kNothing;
  std::function<Task<>(Run&)> run;
};

using Workloads = std::vector<Workload>;
const Workloads& all_workloads();

namespace workloads {

void add_start(Workloads& all);
void add_limits(Workloads& all);
void add_workspaces(Workloads& all);
void add_writes(Workloads& all);
void add_reads(Workloads& all);
void add_lists(Workloads& all);
void add_watches(Workloads& all);
void add_crds(Workloads& all);
void add_sharing(Workloads& all);
void add_restart(Workloads& all);
void add_crash(Workloads& all);
void add_dns(Workloads& all);

}  // namespace workloads
}  // namespace bench
