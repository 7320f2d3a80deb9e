// SyncTargets: their address, what they are to serve, whether they are heard of. Locations: how
// many SyncTargets they have. Source: reference tmc.md 2.3 to 2.5.
#pragma once

#include <memory>

#include "controller/controller.h"
#include "controllers/workload/exports.h"
#include "controllers/workload/names.h"
#include "controllers/workload/workload.h"

namespace controllers {

std::shared_ptr<controller::Controller> sync_target_controller(
    Surroundings around, std::shared_ptr<ExportCatalog> catalog, WorkloadOptions options);

std::shared_ptr<controller::Controller> location_controller(Surroundings around);

}  // namespace controllers
