// The resources that the stand-in cluster's controllers work with, and their sources.
#pragma once

#include "controller/controller.h"

namespace cluster {

inline const client::Resource kDeployments{"apps", "v1", "deployments", true};
inline const client::Resource kReplicaSets{"apps", "v1", "replicasets", true};
inline const client::Resource kPods{"", "v1", "pods", true};
inline const client::Resource kServices{"", "v1", "services", true};
inline const client::Resource kEndpoints{"", "v1", "endpoints", true};
inline const client::Resource kIngresses{"networking.k8s.io", "v1", "ingresses", true};
inline const client::Resource kSecrets{"", "v1", "secrets", true};

using ClientPtr = std::shared_ptr<client::Client>;

// The source of a resource, called by its plural.
inline controller::Source source_of(const client::Resource& resource, const ClientPtr& client) {
  return {resource.resource, resource, "", "", "", "", client};
}

// The key of the object that controls `object` (its owner reference with controller: true) in the
// source `source`; nothing if it has none of that kind.
std::vector<controller::Key> controller_of(const json::Value& object, std::string_view kind,
                                           std::string_view source);
bool is_controlled_by(const json::Value& object, const json::Value& owner);

// The annotation on a Pod that tells where it really listens: "127.0.1.1:40123".
inline constexpr std::string_view kListenAnnotation = "cluster.kcp.io/listen";
bool is_ready(const json::Value& pod);

}  // namespace cluster
