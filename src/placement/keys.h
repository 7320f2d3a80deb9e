// The names under which the workload layer keeps its state on ordinary objects: labels, annotations
// and finalizers by SyncTarget key, and the hashes in names. Pure, thread-safe. Source: reference
// tmc.md 1.2, 1.7, 1.8, 3.5.
#pragma once

#include <string>
#include <string_view>

#include "json/value.h"

namespace placement {

// Prefixes; the SyncTarget's key follows.
inline constexpr std::string_view kStateLabel = "state.workload.kcp.io/";
inline constexpr std::string_view kDeletion = "deletion.internal.workload.kcp.io/";
inline constexpr std::string_view kSoftFinalizers = "finalizers.workload.kcp.io/";
inline constexpr std::string_view kView = "diff.syncer.internal.kcp.io/";
inline constexpr std::string_view kSpecDiff = "experimental.spec-diff.workload.kcp.io/";
inline constexpr std::string_view kSyncerFinalizer = "workload.kcp.io/syncer-";
// Namespaces only: the RFC 3339 instant from which on the target is no longer wanted while another
// one has yet to take over.
inline constexpr std::string_view kLeaving = "leaving.internal.workload.kcp.io/";

inline constexpr std::string_view kSync = "Sync";              // a state label's value
inline constexpr std::string_view kUpsync = "Upsync";          // the target owns the object
inline constexpr std::string_view kPromoted = "##promoted##";  // in a view: see the object itself

inline constexpr const char* kKeyLabel = "internal.workload.kcp.io/key";  // SyncTarget
inline constexpr const char* kTargetAnnotation =
    "internal.workload.kcp.io/synctarget";                                          // Placement
inline constexpr const char* kPlacementAnnotation = "scheduling.kcp.io/placement";  // Namespace
inline constexpr const char* kComputeAnnotation = "extra.apis.kcp.io/compute.workload.kcp.io";
inline constexpr const char* kClusterLabel = "internal.workload.kcp.io/cluster";  // downstream
inline constexpr const char* kLocator = "kcp.io/namespace-locator";               // downstream
inline constexpr const char* kTenant = "kcp.io/tenant-id";                        // downstream
inline constexpr const char* kWorkspaceUrl = "internal.workload.kcp.io/workspace-url";
inline constexpr const char* kClusterAnnotation = "kcp.io/cluster";

// The key of a SyncTarget: a hash over its logical cluster's name and its own.
std::string target_key(std::string_view cluster, std::string_view name);

// Where a downstream namespace comes from.
struct Locator {
  std::string target_cluster, target_name, target_uid;
  std::string cluster;  // of the workspace; "" is left out of the text
  std::string ns;

  std::string text() const;                  // compact JSON, exact member order
  std::string downstream_namespace() const;  // "kcp-33jbiactwhg0"
  std::string tenant_id() const;             // the same for all namespaces of a workspace
  friend bool operator==(const Locator&, const Locator&) = default;
};
// Nothing ("" in all members) if `text` is not a locator. Reads what v0.6 wrote too.
Locator parse_locator(std::string_view text);

std::string syncer_id(std::string_view target, std::string_view uid);  // "kcp-syncer-us-west1-..."
// What `kubectl kcp bind compute` calls a Placement; selectors as the user typed them.
std::string placement_name(std::string_view namespace_selector,
                           std::string_view joined_location_selectors,
                           std::string_view location_workspace);
// "<export>-<hash>": what `kubectl kcp bind compute` calls an APIBinding to `export_name` in the
// workspace at `path`.
std::string binding_name(std::string_view export_name, std::string_view path);

}  // namespace placement
