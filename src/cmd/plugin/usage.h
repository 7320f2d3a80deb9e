// What kubectl kcp usage prints. Pure.
#pragma once

#include <string>
#include <vector>

#include "json/value.h"

namespace plugin {

// WorkspaceUsages as a table, in their order.
std::string usage_text(const std::vector<json::Value>& usages);

}  // namespace plugin
