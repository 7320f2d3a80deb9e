// What `kubectl kcp workload sync` sets up in the workspace, each step idempotent: the SyncTarget,
// the identity of its syncer, and (with --resources) the export of imported APIs. Source: reference
// tmc.md 5.1, 3.14.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "client/client.h"
#include "cmd/plugin/options.h"

namespace plugin {

inline constexpr const char* kImportedApis = "imported-apis";  // a reserved APIExport

struct SyncRequest {
  std::string target;
  std::vector<std::pair<std::string, std::string>> labels;
  std::vector<ExportName> exports;
  std::vector<object::GroupResource> resources;  // beside what the exports offer
  std::string kcp_namespace = "default";
};

// The APIExport `imported-apis` with a placeholder schema for each resource that it lacks.
Task<> ensure_imported_apis(client::Client& client, SyncRequest request);
// The SyncTarget. Labels are added to those it has.
Task<json::Value> ensure_sync_target(client::Client& client, SyncRequest request);
// ServiceAccount, ClusterRole and ClusterRoleBinding called `syncer_id`, owned by the SyncTarget,
// and a token of that account.
Task<std::string> ensure_syncer_identity(client::Client& client, SyncRequest request,
                                         json::Value target, std::string syncer_id);
// Waits until the SyncTarget says what is synced, unless nothing will be.
Task<std::vector<object::GroupResource>> synced_resources(client::Client& client,
                                                          SyncRequest request);

}  // namespace plugin
