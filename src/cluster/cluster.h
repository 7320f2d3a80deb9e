// The stand-in cluster's own part beside its API server: controllers, simulated nodes, ingress
// proxy.
#pragma once

#include <string>

#include "cluster/ingress_proxy.h"
#include "cluster/kinds.h"

namespace cluster {

struct Options {
  std::string name;     // "east"
  std::string address;  // "127.0.1.1": of pods, nodes and the ingress proxy
  std::uint16_t http_port = 8080;
  std::uint16_t https_port = 8443;
};

class Cluster {
 public:
  // `client` speaks to the cluster's API server as an administrator, on `loop`. Binds the proxy's
  // ports at once; throws Error(ServiceUnavailable) if one is taken.
  Cluster(net::IoLoop& loop, net::LoopPool& pool, ClientPtr client, const Clock& clock,
          Options options);

  Task<> run();  // until cancelled

 private:
  net::IoLoop& loop_;
  net::LoopPool& pool_;
  ClientPtr client_;
  const Clock& clock_;
  Options options_;
  IngressProxy proxy_;
};

}  // namespace cluster
