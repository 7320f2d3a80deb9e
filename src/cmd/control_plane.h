// The control plane: an API server with workspaces, what it begins with and what runs beside it.
#pragma once

#include <functional>

#include "cmd/api_server.h"

namespace cmd {

struct ControlPlaneOptions {
  std::string root_directory = ".kcp";
  std::string bind_address = "127.0.0.1";
  std::uint16_t port = 6443;
  std::string token_auth_file;               // users with bearer tokens; "" = none
  std::optional<storage::EtcdOptions> etcd;  // instead of the embedded store
  Addresses addresses = {};
};

class ControlPlane {
 public:
  // Throws Error with one line that names cause and object.
  ControlPlane(ControlPlaneOptions options, net::LoopPool& pool);

  // Serves until cancelled, on the pool's first loop. `prepare` (null = nothing) is done before the
  // server says that it is ready; `on_ready` is called once requests are answered.
  using Prepare = std::function<Task<>(std::shared_ptr<client::Client> shard)>;
  Task<> run(std::function<void()> on_ready, Prepare prepare = nullptr);

  ApiServer& api() { return api_; }

  std::string url() const { return api_.url(); }
  std::string kubeconfig() const { return root_ + "/admin.kubeconfig"; }

 private:
  std::string root_;
  ApiServer api_;
};

}  // namespace cmd
