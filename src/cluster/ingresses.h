// Ingresses: what they say becomes the proxy's routing and certificate tables, made anew as a whole
// at each change; their status tells the cluster's address.
#pragma once

#include "cluster/ingress_proxy.h"
#include "cluster/kinds.h"

namespace cluster {

class IngressController final : public controller::Controller {
 public:
  IngressController(ClientPtr client, IngressProxy& proxy, std::string address)
      : client_(std::move(client)), proxy_(proxy), address_(std::move(address)) {}
  std::string_view name() const override { return "ingress"; }
  controller::Declaration declare() const override;
  controller::Plan reconcile(const controller::World& world, const controller::Key& key,
                             const std::optional<json::Value>& object) const override;

 private:
  ClientPtr client_;
  IngressProxy& proxy_;
  std::string address_;
};

// Pure: the tables for all Ingresses of the world.
std::shared_ptr<const RouteTable> routes_of(const controller::World& world);
std::shared_ptr<const CertificateTable> certificates_of(const controller::World& world);

}  // namespace cluster
