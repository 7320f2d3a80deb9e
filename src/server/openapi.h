// OpenAPI documents for what a logical cluster serves. Pure. Source: reference
// kube-apiserver.md 6.4, 6.5 and 14.3 (what kubectl reads from them).
#pragma once

#include "json/value.h"
#include "server/discovery.h"

namespace server {

// The v3 document of one group and version; null if it is not served.
json::Value openapi_v3(const Kinds& kinds, const object::GroupVersion& at);
// The v2 document of everything that is served: the v3 documents without what v2 cannot say.
json::Value openapi_v2(const Kinds& kinds);
// "api/v1" or "apis/<group>/<version>".
std::string openapi_path(const object::GroupVersion& at);

}  // namespace server
