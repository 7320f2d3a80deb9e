#include "cmd/control_plane.h"

#include "auth/workspace_authorizer.h"
#include "base/scope.h"
#include "cmd/credentials.h"
#include "controllers/workspaces/bootstrap.h"
#include "controllers/workspaces/path_index.h"
#include "controllers/workspaces/reaper.h"
#include "controllers/workspaces/rules.h"
#include "http/server.h"
#include "registry/rules/rules.h"
#include "server/server.h"
#include "storage/rocksdb.h"
#include "tenancy/path.h"

namespace cmd {
namespace {

constexpr const char* kVersion = "v1.32.0+kcp-v0.1.0";

std::shared_ptr<const net::TlsContext> tls_of(const Credentials& credentials) {
  auto identity = std::make_shared<net::TlsIdentity>(credentials.server.certificate_pem,
                                                     credentials.server.key_pem);
  net::TlsServerOptions options;
  options.identity = [identity](std::string_view) { return identity; };
  options.client_ca_pem = credentials.ca.certificate_pem;
  return net::TlsContext::server(std::move(options));
}

http::ServerOptions http_options(const ControlPlaneOptions& options,
                                 const Credentials& credentials) {
  http::ServerOptions http;
  http.endpoint = {options.bind_address, options.port};
  http.tls = tls_of(credentials);
  return http;
}

std::string public_url(const ControlPlaneOptions& options, std::uint16_t port) {
  std::string host = options.bind_address == "0.0.0.0" ? "127.0.0.1" : options.bind_address;
  return "https://" + net::Endpoint{host, port}.text();
}

// Waits until cancelled or until a part fails; open watches are then told to end.
Task<> wait_for_stop(server::Server& api, Scope& scope) {
  struct Stop {
    server::Server& api;
    ~Stop() { api.stop(); }
  } stop{api};
  co_await scope.join();
}

}  // namespace

// In the order of construction; destroyed in reverse.
struct ControlPlane::Parts {
  ControlPlaneOptions options;
  net::LoopPool& pool;
  Credentials credentials;
  std::unique_ptr<storage::Store> store;
  std::unique_ptr<cache::Cache> cache;
  std::unique_ptr<registry::Registry> registry;
  controllers::PathIndex paths;
  std::unique_ptr<auth::Authorizer> authorizer;
  auth::Authenticator authenticator;
  server::Server api;
  http::Server http;
  std::function<void()> on_ready = [] {};

  Parts(ControlPlaneOptions from, net::LoopPool& loops)
      : options(std::move(from)),
        pool(loops),
        credentials(load_credentials(options.root_directory, options.bind_address, system_clock())),
        store(storage::open_rocksdb({options.root_directory + "/data"})),
        cache(cache::make_cache(*store)),
        registry(registry::make_registry(
            {registry::Flavour::Workspaces, *store, *cache, system_clock()})),
        paths(*cache),
        authorizer(auth::make_workspace_authorizer(*cache, std::string(tenancy::kAdmin))),
        authenticator({}),
        api({*registry, authenticator, *authorizer, registry::Flavour::Workspaces, &paths,
             kVersion}),
        http(pool.at(0), pool, http_options(options, credentials), api.handler()) {
    registry::install_review_rules(*registry, *authorizer);
    registry->add_rules({"tenancy.kcp.io", "workspaces"},
                        controllers::workspace_rules(*registry, url()));
    registry->add_rules({"core.kcp.io", "logicalclusters"}, controllers::logical_cluster_rules());
  }

  std::string url() const { return public_url(options, http.endpoint().port); }
};

ControlPlane::ControlPlane(ControlPlaneOptions options, net::LoopPool& pool)
    : parts_(std::make_unique<Parts>(std::move(options), pool)) {}

ControlPlane::~ControlPlane() {
  parts_->store.reset();  // first: its thread feeds the cache
}

std::string ControlPlane::url() const { return parts_->url(); }

std::string ControlPlane::kubeconfig() const {
  return parts_->options.root_directory + "/admin.kubeconfig";
}

void ControlPlane::on_ready(std::function<void()> callback) {
  parts_->on_ready = std::move(callback);
}

Task<> ControlPlane::run() {
  Parts& parts = *parts_;
  co_await controllers::bootstrap_workspaces(*parts.registry, parts.url());
  write_admin_kubeconfig(kubeconfig(), parts.url(), parts.credentials);
  co_await with_scope([&parts](Scope& scope) -> Task<> {
    scope.spawn("http", parts.http.run());
    scope.spawn("reaper", controllers::reap_workspaces(*parts.registry));
    parts.api.ready();
    parts.on_ready();
    return wait_for_stop(parts.api, scope);
  });
}

}  // namespace cmd
