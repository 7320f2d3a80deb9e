// Services: a cluster IP, and Endpoints that name where ready Pods really listen. Pure.
#pragma once

#include "cluster/kinds.h"

namespace cluster {

class ServiceController final : public controller::Controller {
 public:
  explicit ServiceController(ClientPtr client) : client_(std::move(client)) {}
  std::string_view name() const override { return "service"; }
  controller::Declaration declare() const override;
  controller::Plan reconcile(const controller::World& world, const controller::Key& key,
                             const std::optional<json::Value>& object) const override;

 private:
  ClientPtr client_;
};

}  // namespace cluster
