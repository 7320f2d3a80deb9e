// The simulated nodes: gives each Pod a node, "runs" it, and tells that it is ready. Pods of an
// image called echo really listen, on the cluster's address and a port of their own, and answer
// JSON with the names of cluster, namespace, pod and host; other images run without listening.
#pragma once

#include <map>

#include "base/scope.h"
#include "cluster/kinds.h"
#include "http/server.h"

namespace cluster {

// The listeners of echo pods, by pod uid. Lives on one loop; its tasks are owned by the given
// scope.
class EchoListeners {
 public:
  EchoListeners(net::IoLoop& loop, net::LoopPool& pool, Scope& scope, std::string cluster_name,
                std::string address);
  // The port on which the pod listens; opens a listener on first use.
  std::uint16_t open(const json::Value& pod);
  bool is_open(const std::string& uid) const { return servers_.contains(uid); }
  // Stops listening after a moment, so that requests under way still end.
  void close(const std::string& uid);
  // Closes the listeners of pods that `is_there` does not know.
  void sweep(const std::function<bool(const std::string& uid)>& is_there);
  const std::string& address() const { return address_; }

 private:
  struct Listener;

  net::IoLoop& loop_;
  net::LoopPool& pool_;
  Scope& scope_;
  std::string cluster_name_, address_;
  std::map<std::string, std::shared_ptr<Listener>> servers_;
};

class KubeletController final : public controller::Controller {
 public:
  KubeletController(ClientPtr client, std::shared_ptr<EchoListeners> listeners)
      : client_(std::move(client)), listeners_(std::move(listeners)) {}
  std::string_view name() const override { return "kubelet"; }
  controller::Declaration declare() const override;
  controller::Plan reconcile(const controller::World& world, const controller::Key& key,
                             const std::optional<json::Value>& object) const override;

 private:
  ClientPtr client_;
  std::shared_ptr<EchoListeners> listeners_;
};

// Whether the image is the built-in echo: "echo", "example.org/echo:1".
bool is_echo_image(std::string_view image);

}  // namespace cluster
