#include "bench/workload.h"

namespace bench {

const Workloads& all_workloads() {
  static const Workloads all = [] {
    Workloads list;
    workloads::add_start(list);
    workloads::add_limits(list);
    workloads::add_workspaces(list);
    workloads::add_writes(list);
    workloads::add_reads(list);
    workloads::add_lists(list);
    workloads::add_watches(list);
    workloads::add_crds(list);
    workloads::add_sharing(list);
    workloads::add_restart(list);
    workloads::add_crash(list);
    workloads::add_dns(list);
    return list;
  }();
  return all;
}

}  // namespace bench
