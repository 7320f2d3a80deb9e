// A stand-in physical cluster: an API server without workspaces and what runs beside it.
#pragma once

#include <functional>

#include "cluster/cluster.h"
#include "cmd/api_server.h"

namespace cmd {

struct ClusterPlaneOptions {
  std::string name = "east";
  std::string root_directory = ".kcp/clusters/east";
  std::string address = "127.0.1.1";
  std::uint16_t port = 16443;
  std::uint16_t http_port = 8080;
  std::uint16_t https_port = 8443;
  std::string kubeconfig;  // where to write it; "" = <root_directory>/admin.kubeconfig
};

class ClusterPlane {
 public:
  // Throws Error with one line that names cause and object.
  ClusterPlane(ClusterPlaneOptions options, net::LoopPool& pool);

  // Serves until cancelled, on the pool's first loop; `on_ready` is called once requests are
  // answered.
  Task<> run(std::function<void()> on_ready);

  const ClusterPlaneOptions& options() const { return options_; }
  std::string url() const { return api_.url(); }

 private:
  ClusterPlaneOptions options_;
  ApiServer api_;
  cluster::Cluster cluster_;
};

}  // namespace cmd
