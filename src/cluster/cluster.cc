#include "cluster/cluster.h"

#include "base/scope.h"
#include "cluster/deployments.h"
#include "cluster/ingresses.h"
#include "cluster/kubelet.h"
#include "cluster/replica_sets.h"
#include "cluster/services.h"

namespace cluster {
namespace {

IngressOptions proxy_options(const Options& options) {
  IngressOptions proxy;
  proxy.address = options.address;
  proxy.http_port = options.http_port;
  proxy.https_port = options.https_port;
  return proxy;
}

}  // namespace

Cluster::Cluster(net::IoLoop& loop, net::LoopPool& pool, ClientPtr client, const Clock& clock,
                 Options options)
    : loop_(loop),
      pool_(pool),
      client_(std::move(client)),
      clock_(clock),
      options_(std::move(options)),
      proxy_(loop, pool, proxy_options(options_)) {}

Task<> Cluster::run() {
  co_await with_scope([this](Scope& scope) -> Task<> {
    auto listeners =
        std::make_shared<EchoListeners>(loop_, pool_, scope, options_.name, options_.address);
    auto start = [&](std::shared_ptr<controller::Controller> one) {
      std::string name(one->name());
      scope.spawn(std::move(name), controller::run(std::move(one), clock_));
    };
    scope.spawn("ingress-proxy", proxy_.run());
    start(std::make_shared<DeploymentController>(client_));
    start(std::make_shared<ReplicaSetController>(client_));
    start(std::make_shared<KubeletController>(client_, listeners));
    start(std::make_shared<ServiceController>(client_));
    start(std::make_shared<IngressController>(client_, proxy_, options_.address));
    return scope.join();
  });
}

}  // namespace cluster
