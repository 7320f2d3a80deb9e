// Deployments: rolls a Deployment out through ReplicaSets, and tells how far it is. Pure.
// Source: the documented behaviour of apps/v1 rolling updates.
#pragma once

#include "cluster/kinds.h"

namespace cluster {

class DeploymentController final : public controller::Controller {
 public:
  explicit DeploymentController(ClientPtr client) : client_(std::move(client)) {}
  std::string_view name() const override { return "deployment"; }
  controller::Declaration declare() const override;
  controller::Plan reconcile(const controller::World& world, const controller::Key& key,
                             const std::optional<json::Value>& object) const override;

 private:
  ClientPtr client_;
};

// "25%" or 2 of `replicas`, rounded up or down.
std::int64_t share_of(const json::Value& value, std::int64_t replicas, bool round_up);

}  // namespace cluster
