// OpenAPI documents for what a logical cluster serves, kind by kind: a document of ten thousand
// kinds is put together as text (openapi_text.h), and only one kind's tree is there at a time.
// Pure. Source: reference kube-apiserver.md 6.4, 6.5 and 14.3 (what kubectl reads from them).
#pragma once

#include <string>
#include <vector>

#include "json/value.h"
#include "server/discovery.h"

namespace server {

// The schema of metadata, which the kinds of a document share.
inline constexpr std::string_view kObjectMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

// The v3 document of one kind in one version.
json::Value openapi_v3(const registry::Kind& kind, const registry::Version& version);
// The same in v2: the v3 document without what v2 cannot say.
json::Value openapi_v2(const registry::Kind& kind, const registry::Version& version);

// "api/v1" or "apis/<group>/<version>".
std::string openapi_path(const object::GroupVersion& at);
// Changes when the document of this group and version does; known without making it.
std::string openapi_digest(const GroupVersionKinds& kinds);

}  // namespace server
