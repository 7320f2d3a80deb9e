// The order of API versions: v2 before v1 before v1beta2 before v1alpha1 before anything else.
// Pure. Source: reference kube-apiserver.md 6.2.
#pragma once

#include <string_view>

namespace registry {

bool is_better_version(std::string_view a, std::string_view b);

}  // namespace registry
