// Placements: one Location and one SyncTarget each. Decides by placement/choose.h; writes the
// target's key as an annotation, and phase, Location and conditions as the status.
// Source: reference tmc.md 2.5, 2.6, 9.2.
#pragma once

#include <memory>

#include "controller/controller.h"
#include "controllers/workload/names.h"
#include "controllers/workload/workload.h"

namespace controllers {

// Run it with one worker, so that each choice sees the ones before it.
std::shared_ptr<controller::Controller> placement_controller(Surroundings around,
                                                             WorkloadOptions options);

}  // namespace controllers
