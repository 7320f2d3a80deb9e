// APIResourceSchemas: immutable once made. Source: reference kcp-apis.md 1.2.
#pragma once

#include <memory>

#include "registry/registry.h"

namespace controllers {

std::shared_ptr<registry::Rules> schema_rules();

}  // namespace controllers
