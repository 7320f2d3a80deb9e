// API sharing: APIResourceSchemas, APIExports with their identity, APIBindings with permission
// claims. A binding is Bound in the reply of its creation, and what it binds is served by the next
// request. Source: reference kcp-apis.md 1.2 to 1.14.
#pragma once

#include <memory>
#include <string>

#include "auth/authorizer.h"
#include "base/task.h"
#include "controllers/content/reaper.h"
#include "registry/registry.h"
#include "server/server.h"

namespace controllers {

struct SharingState;

class ApiSharing {
 public:
  // Installs rules, admission and listeners; start-up only. `server_url` is what providers reach
  // this server at. Everything, also this, must outlive the registry and the store's last event.
  ApiSharing(registry::Registry& registry, const server::ClusterResolver& clusters,
             auth::Authorizer& authorizer, std::string server_url);

  // Keeps bindings, endpoint slices and claim labels as exports and bindings want them, until
  // cancelled.
  Task<> run();
  // Bindings, for reap_content().
  std::shared_ptr<Holder> holder() const;

 private:
  std::shared_ptr<SharingState> state_;
};

}  // namespace controllers
