// What is applied to a physical cluster so that a syncer runs there. Pure. Source: reference
// tmc.md 5.2.
#pragma once

#include <string>
#include <vector>

#include "json/value.h"
#include "object/object.h"

namespace plugin {

struct SyncerManifest {
  std::string target_name, target_uid;
  std::string target_cluster;  // name of the SyncTarget's logical cluster
  std::string syncer_id;       // name of nearly everything
  std::string ns;              // where it runs
  std::string kcp_namespace;   // of the upstream service account
  std::string server;          // "https://kcp.example.org:6443"
  std::string ca_pem;          // "" = the certificate is not checked, or the system's CAs are used
  bool insecure = false;
  std::string token;  // of the upstream service account
  std::string image;
  int replicas = 1;
  std::string qps = "20", burst = "30";
  std::string feature_gates;
  std::string api_import_poll_interval = "1m", namespace_clean_delay = "30s";
  std::vector<std::string> resources;         // --resources, as given
  std::vector<object::GroupResource> synced;  // what the syncer may write there
};

// The objects in the order in which they must be applied.
std::vector<json::Value> manifest_objects(const SyncerManifest& manifest);
// All of them as one stream of YAML documents.
std::string manifest_text(const SyncerManifest& manifest);

}  // namespace plugin
