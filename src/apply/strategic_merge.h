// Strategic merge patch, the Kubernetes patch form for built-in kinds: lists merge by a key that
// the schema names, and directives ($patch, $deleteFromPrimitiveList, $setElementOrder,
// $retainKeys) say what merging alone cannot. Pure, thread-safe.
// Source: reference kube-apiserver.md 4.4, "Strategic merge patch rules".
#pragma once

#include "base/result.h"
#include "json/value.h"
#include "schema/schema.h"

namespace apply {

// `target` with `patch` applied. BadRequest if the patch is malformed, Invalid if it cannot be
// applied to this object.
Result<json::Value> strategic_merge(json::Value target, const json::Value& patch,
                                    const schema::Schema& schema);

}  // namespace apply
