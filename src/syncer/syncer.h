// The syncer of one SyncTarget: copies the objects that are placed on it to a physical cluster and
// their status back. Reports its heartbeat and which resources the cluster can take. It knows both
// sides by their HTTP API only. Runs on one loop. Source: reference tmc.md 3.1 to 3.9.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/task.h"
#include "client/client.h"

namespace syncer {

struct Options {
  std::shared_ptr<client::Client> upstream;    // at the base of the control plane's address
  std::shared_ptr<client::Client> downstream;  // at the physical cluster
  std::string cluster;                         // workspace of the SyncTarget: name or path
  std::string target;                          // name of the SyncTarget
  std::string uid;                             // its uid: another object of that name is refused
  Duration clean_delay = 30s;                  // for unused downstream namespaces
  const Clock& clock = system_clock();
};

// Syncs until cancelled. Waits for the SyncTarget and its virtual workspace. Throws
// Error(Gone) if the SyncTarget has another uid than it should, at the start or later.
Task<> run(Options options);

// The same for whichever SyncTarget has the name: goes on with the new one when it is made anew.
Task<> run_for_name(Options options);

}  // namespace syncer
