#include "cmd/control_plane.h"

#include "controllers/compute/bootstrap.h"
#include "controllers/workload/workload.h"
#include "controllers/workspaces/bootstrap.h"
#include "controllers/workspaces/reaper.h"
#include "controllers/workspaces/rules.h"

namespace cmd {

ControlPlane::ControlPlane(ControlPlaneOptions options, net::LoopPool& pool)
    : root_(options.root_directory),
      api_({options.root_directory, options.bind_address, options.port, options.token_auth_file,
            options.etcd, registry::Flavour::Workspaces, options.addresses},
           pool) {
  auto& registry = api_.registry();
  registry.add_rules({"tenancy.kcp.io", "workspaces"},
                     controllers::workspace_rules(registry, url()));
  registry.add_rules({"core.kcp.io", "logicalclusters"}, controllers::logical_cluster_rules());
}

Task<> ControlPlane::run(std::function<void()> on_ready, Prepare prepare) {
  auto shard = api_.admin_client("");
  co_await api_.bootstrap(
      [this] { return controllers::bootstrap_workspaces(api_.registry(), url()); });
  co_await api_.bootstrap([shard] { return controllers::bootstrap_compute(shard); });
  if (prepare) co_await prepare(shard);
  api_.write_kubeconfig(
      kubeconfig(),
      {{"base", ""}, {"root", "/clusters/root"}, {"system:admin", "/clusters/system:admin"}});
  auto add_controllers = [this](Scope& scope) {
    scope.spawn("reaper", controllers::reap_workspaces(api_.registry()));
    scope.spawn("workload",
                controllers::run_workload_controllers(api_.registry(), api_.admin_client(""),
                                                      api_.clusters(), {.server_url = url()}));
  };
  co_await api_.run(std::move(add_controllers), std::move(on_ready));
}

}  // namespace cmd
