// An Error as the Kubernetes Status that clients read. Pure.
#pragma once

#include "base/error.h"
#include "json/value.h"

namespace server {

json::Value status_of(const Error& error);

}  // namespace server
