// A call of the registry by one of the system's own components, on a stored object.
#pragma once

#include <string_view>

#include "controllers/place.h"
#include "registry/registry.h"

namespace controllers {

// Its kind and version are null if the definition of the object has gone, and the object with it.
registry::Call system_call(registry::Registry& registry, const Place& place, const char* verb,
                           std::string_view component);

}  // namespace controllers
