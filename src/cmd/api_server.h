// One API server of a process: store, cache, registry and HTTP, wired together. The control plane
// and the stand-in cluster are this with different kinds and controllers.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/scope.h"
#include "client/client.h"
#include "cmd/addresses.h"
#include "net/loop.h"
#include "registry/make.h"
#include "server/server.h"
#include "storage/etcd/etcd.h"

namespace cmd {

struct ApiServerOptions {
  std::string root_directory = ".kcp";
  std::string bind_address = "127.0.0.1";
  std::uint16_t port = 6443;
  std::string token_auth_file;               // users with bearer tokens; "" = none
  std::optional<storage::EtcdOptions> etcd;  // instead of the embedded store
  registry::Flavour flavour = registry::Flavour::Workspaces;
  Addresses addresses = {};
};

class ApiServer {
 public:
  // Opens the store and binds the port. Throws Error with one line that names cause and object.
  ApiServer(ApiServerOptions options, net::LoopPool& pool);
  ~ApiServer();

  // Serves until cancelled, on the pool's first loop. `add_controllers` puts what runs beside into
  // a scope: each time this server comes to lead those that share its store. `on_ready` is called
  // once requests are answered as ready.
  Task<> run(std::function<void(Scope&)> add_controllers, std::function<void()> on_ready);

  // Runs `write`, start-up work that other servers may be about too: again when they came first.
  Task<> bootstrap(std::function<Task<>()> write);

  registry::Registry& registry();
  const server::ClusterResolver& clusters() const;
  // An administrator's client in this process.
  std::shared_ptr<client::Client> admin_client(std::string base_path);
  std::string url() const;  // what clients reach it under: "https://127.0.0.1:6443"
  // Writes the administrator's kubeconfig with these contexts (name to path behind the URL),
  // keeping what else is in the file.
  void write_kubeconfig(const std::string& path,
                        const std::vector<std::pair<std::string, std::string>>& contexts) const;

  // Writes a kubeconfig with which the component `name` speaks to the server's base URL.
  void write_component_kubeconfig(const std::string& path, const std::string& name) const;

 private:
  struct Parts;
  static Task<> run_controllers(Parts& parts, std::function<void(Scope&)> add_controllers);
  std::unique_ptr<Parts> parts_;
};

}  // namespace cmd
