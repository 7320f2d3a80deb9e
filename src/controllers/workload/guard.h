// Keeps what the workload layer says about an object out of its users' hands: state labels, removal
// marks and what syncers reported are changed by the system only. A user can neither send a
// workload to a cluster that no Placement chose nor lose track of one, also not with an object
// that is written whole.
#pragma once

#include <memory>

#include "registry/registry.h"

namespace controllers {

// For all kinds. Administrators (system:masters) are not held back, but those who act for others
// through a virtual workspace are.
std::shared_ptr<registry::Admission> make_workload_guard();

}  // namespace controllers
