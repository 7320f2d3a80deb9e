#include "controllers/workload/workload.h"

#include "base/scope.h"
#include "controllers/workload/namespaces.h"
#include "controllers/workload/placements.h"
#include "controllers/workload/sync_targets.h"

namespace controllers {

Task<> run_workload_controllers(registry::Registry& registry, std::shared_ptr<client::Client> admin,
                                const server::ClusterResolver& clusters, WorkloadOptions options) {
  Surroundings around{registry, std::move(admin), clusters};
  auto catalog = std::make_shared<ExportCatalog>(registry.objects(), clusters);
  co_await with_scope([&](Scope& scope) -> Task<> {
    auto start = [&](std::function<std::shared_ptr<controller::Controller>()> make, int workers) {
      scope.spawn("controller",
                  run_locally(std::move(make), registry.clock(), {.workers = workers}));
    };
    start([=] { return sync_target_controller(around, catalog, options); }, 4);
    start([=] { return location_controller(around); }, 4);
    start([=] { return placement_controller(around, options); }, 1);
    scope.spawn("namespaces", schedule_namespaces(around, catalog, options));
    return scope.join();
  });
}

}  // namespace controllers
