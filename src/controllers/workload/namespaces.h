// Namespaces and what is in them: the SyncTargets that the workspace's Placements have chosen, as
// labels; decided by placement/schedule.h. One controller for the namespaces and all synced
// resources of all workspaces. Source: reference tmc.md 2.7, 2.8, 2.10.
#pragma once

#include <map>
#include <memory>

#include "controller/controller.h"
#include "controllers/workload/exports.h"
#include "controllers/workload/names.h"
#include "controllers/workload/workload.h"

namespace controllers {

// The tables whose objects are synced, each with the version to write them in.
using SyncedTables = std::map<cache::TableId, std::string>;

// Runs the controller until cancelled; starts it anew when SyncTargets offer further resources.
Task<> schedule_namespaces(Surroundings around, std::shared_ptr<ExportCatalog> catalog,
                           WorkloadOptions options);

}  // namespace controllers
