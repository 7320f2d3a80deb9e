// autoscaling/v1 Scale, the face of the scale sub-resource. Pure.
#pragma once

#include "base/result.h"
#include "json/value.h"
#include "registry/kind.h"

namespace server {

json::Value scale_of(const registry::ScalePaths& paths, const json::Value& object);
// `object` with the replicas that `scale` asks for.
Result<json::Value> with_scale(const registry::ScalePaths& paths, json::Value object,
                               const json::Value& scale);

}  // namespace server
