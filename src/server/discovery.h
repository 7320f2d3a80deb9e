// Discovery documents: which groups, versions and resources a logical cluster serves. Pure.
// Source: reference kube-apiserver.md 6.1, 6.2.
#pragma once

#include <string_view>
#include <vector>

#include "json/value.h"
#include "registry/kind.h"

namespace server {

using Kinds = std::vector<registry::KindPtr>;

json::Value api_versions(std::string_view server_address);     // /api
json::Value group_list(const Kinds& kinds);                    // /apis
json::Value group(const Kinds& kinds, std::string_view name);  // /apis/<group>; null if unknown
// /api/v1 or /apis/<group>/<version>; null if it is not served.
json::Value resource_list(const Kinds& kinds, std::string_view group, std::string_view version);
// The aggregated form of /api (core only) or /apis (all others).
json::Value aggregated(const Kinds& kinds, bool core);

// What each served group and version has, in discovery order: {"", "v1"}, {"apps", "v1"}, ...
struct GroupVersionKinds {
  object::GroupVersion at;
  std::vector<const registry::Kind*> kinds;  // of those that were given
};
std::vector<GroupVersionKinds> by_group_version(const Kinds& kinds);

}  // namespace server
