// ReplicaSets: keeps as many Pods as are wanted. Pure but for the random ends of pod names.
#pragma once

#include "cluster/kinds.h"

namespace cluster {

class ReplicaSetController final : public controller::Controller {
 public:
  explicit ReplicaSetController(ClientPtr client) : client_(std::move(client)) {}
  std::string_view name() const override { return "replicaset"; }
  controller::Declaration declare() const override;
  controller::Plan reconcile(const controller::World& world, const controller::Key& key,
                             const std::optional<json::Value>& object) const override;

 private:
  ClientPtr client_;
};

}  // namespace cluster
