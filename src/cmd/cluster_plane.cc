#include "cmd/cluster_plane.h"

#include "controllers/workspaces/bootstrap.h"

namespace cmd {
namespace {

ClusterPlaneOptions settled(ClusterPlaneOptions options) {
  if (options.kubeconfig.empty()) options.kubeconfig = options.root_directory + "/admin.kubeconfig";
  return options;
}

}  // namespace

ClusterPlane::ClusterPlane(ClusterPlaneOptions options, net::LoopPool& pool)
    : options_(settled(std::move(options))),
      api_({options_.root_directory, options_.address, options_.port, "", std::nullopt,
            registry::Flavour::PlainCluster},
           pool),
      cluster_(pool.at(0), pool, api_.admin_client(""), system_clock(),
               {options_.name, options_.address, options_.http_port, options_.https_port}) {}

Task<> ClusterPlane::run(std::function<void()> on_ready) {
  co_await controllers::bootstrap_plain_cluster(api_.registry(), options_.address);
  api_.write_kubeconfig(options_.kubeconfig, {{options_.name, ""}});
  auto add_controllers = [this](Scope& scope) { scope.spawn("cluster", cluster_.run()); };
  co_await api_.run(std::move(add_controllers), std::move(on_ready));
}

}  // namespace cmd
