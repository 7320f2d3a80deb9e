// Removing objects as their kinds would have it, finalizers included.
#pragma once

#include <string>
#include <vector>

#include "base/task.h"
#include "controllers/place.h"
#include "registry/registry.h"

namespace controllers {

// Asks for the deletion of one object, for `component`; one that has gone meanwhile, or whose kind
// has, is no error.
Task<> remove_object(registry::Registry& registry, Place place, std::string component);

// The same for all that are not being deleted yet, some at a time. Returns those that are still
// there, because of their finalizers.
Task<std::vector<Place>> remove_objects(registry::Registry& registry, std::vector<Place> places,
                                        std::string component);

// "deployments.apps has 2 resource instances, configmaps has 1 resource instances"
std::string describe(const std::vector<Place>& places);

}  // namespace controllers
