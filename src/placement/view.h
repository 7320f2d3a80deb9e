// What the syncer of one SyncTarget sees of an object, and what becomes of the object when it
// writes. A target's values of the summarized fields (by default the status) are kept in an
// annotation; with one target they are the object's own, with several the object shows a summary.
// Pure, thread-safe. Source: reference tmc.md 3.12.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "json/value.h"

namespace placement {

// In a view: what is wrong with the object, for the syncer to report. Never stored.
inline constexpr const char* kProblem = "internal.workload.kcp.io/problem";

// `stored` as the syncer of the SyncTarget `key` sees it. What concerns other targets is left out.
// A spec-diff that cannot be applied leaves the spec as it is and is told by kProblem.
json::Value view_of(const json::Value& stored, std::string_view key,
                    std::string_view workspace_url);

enum class Part { Main, Status };  // the object itself or its status sub-resource

// `stored` after the syncer of `key` wrote `view`: its finalizer and its values of the summarized
// fields are taken over, everything else is ignored. Leaving (a deletion was asked for, nobody
// holds it back) and without the finalizer, all that concerns the target goes.
// Conflict: `view` is of another version of the object. NotFound: the target is not assigned.
// BadRequest: the finalizer is missing.
Result<json::Value> apply_view(const json::Value& stored, const json::Value& view,
                               std::string_view key, Part part);

}  // namespace placement
