// How an object of the syncer's view looks in the physical cluster, and what its status there means
// upstream. Pure, thread-safe. Source: reference tmc.md 3.6 step 8, 3.7, 3.9.
#pragma once

#include <optional>
#include <string>

#include "json/value.h"
#include "placement/keys.h"

namespace syncer {

// On downstream objects: which fields the syncer applied (applied_fields.h), and which generation
// of the upstream object.
inline constexpr const char* kAppliedFields = "workload.kcp.io/applied-fields";
inline constexpr const char* kGeneration = "workload.kcp.io/generation";

// Whom we sync for.
struct Target {
  std::string cluster, name, uid;
  std::string key;

  placement::Locator locator(std::string cluster_of_object, std::string ns) const {
    return {cluster, name, uid, std::move(cluster_of_object), std::move(ns)};
  }
};

// Objects that every cluster makes by itself are never synced.
bool is_never_synced(const json::Value& view);

// The wanted object downstream: no status, no foreign metadata, our label, our annotations.
json::Value downstream_copy(const json::Value& view, const Target& target,
                            const std::string& downstream_namespace);
json::Value downstream_namespace(const placement::Locator& locator, const std::string& key);

// The merge patch that brings `live` to `wanted` (a downstream_copy); empty if it is there.
json::Value update_of(const json::Value& live, const json::Value& wanted);

// The status to report for `live`, with observedGeneration in terms of the upstream object; nothing
// if it has none.
std::optional<json::Value> upstream_status(const json::Value& live);

}  // namespace syncer
