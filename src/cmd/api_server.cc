#include "cmd/api_server.h"

#include "auth/rbac.h"
#include "auth/workspace_authorizer.h"
#include "base/error.h"
#include "cmd/credentials.h"
#include "cmd/files.h"
#include "controllers/api_sharing/rules.h"
#include "controllers/namespaces/reaper.h"
#include "controllers/workspaces/path_index.h"
#include "http/server.h"
#include "registry/rules/rules.h"
#include "server/server.h"
#include "storage/rocksdb.h"
#include "tenancy/path.h"

namespace cmd {
namespace {

using registry::Flavour;

constexpr const char* kVersion = "v1.32.0+kcp-v0.1.0";

std::shared_ptr<const net::TlsContext> tls_of(const Credentials& credentials) {
  auto identity = std::make_shared<net::TlsIdentity>(credentials.server.certificate_pem,
                                                     credentials.server.key_pem);
  net::TlsServerOptions options;
  options.identity = [identity](std::string_view) { return identity; };
  options.client_ca_pem = credentials.ca.certificate_pem;
  return net::TlsContext::server(std::move(options));
}

http::ServerOptions http_options(const ApiServerOptions& options, const Credentials& credentials) {
  http::ServerOptions http;
  http.endpoint = {options.bind_address, options.port};
  http.tls = tls_of(credentials);
  return http;
}

std::map<std::string, auth::UserPtr> load_tokens(const std::string& path) {
  if (path.empty()) return {};
  auto text = read_file(path);
  if (!text) throw Error(Reason::NotFound, "cannot read the token file " + path);
  return value_or_throw(auth::parse_token_file(*text));
}

std::unique_ptr<auth::Authorizer> make_authorizer(Flavour flavour, cache::Cache& cache) {
  if (flavour == Flavour::PlainCluster) return auth::make_rbac(cache, {});
  return auth::make_workspace_authorizer(cache, std::string(tenancy::kAdmin));
}

}  // namespace

// In the order of construction; destroyed in reverse, but for the store, which goes first.
struct ApiServer::Parts {
  ApiServerOptions options;
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

  Parts(ApiServerOptions from, net::LoopPool& loops)
      : options(std::move(from)),
        pool(loops),
        credentials(load_credentials(options.root_directory, options.bind_address, system_clock())),
        store(storage::open_rocksdb({options.root_directory + "/data"})),
        cache(cache::make_cache(*store)),
        registry(registry::make_registry({options.flavour, *store, *cache, system_clock()})),
        paths(*cache),
        authorizer(make_authorizer(options.flavour, *cache)),
        authenticator(load_tokens(options.token_auth_file)),
        api({*registry, authenticator, *authorizer, options.flavour, &paths, kVersion}),
        http(pool.at(0), pool, http_options(options, credentials), api.handler()) {
    registry::install_review_rules(*registry, *authorizer);
    if (options.flavour == Flavour::Workspaces) {
      controllers::install_api_sharing(*registry, paths, *authorizer);
    }
  }
};

namespace {

// Waits until cancelled or until a part fails; open watches are then told to end.
Task<> wait_for_stop(server::Server& api, Scope& scope) {
  struct Stop {
    server::Server& api;
    ~Stop() { api.stop(); }
  } stop{api};
  co_await scope.join();
}

}  // namespace

ApiServer::ApiServer(ApiServerOptions options, net::LoopPool& pool)
    : parts_(std::make_unique<Parts>(std::move(options), pool)) {}

ApiServer::~ApiServer() {
  parts_->store.reset();  // first: its thread feeds the cache
}

registry::Registry& ApiServer::registry() { return *parts_->registry; }

std::shared_ptr<client::Client> ApiServer::admin_client(std::string base_path) {
  return std::make_shared<client::Client>(parts_->api.direct(auth::system_user("controllers")),
                                          std::move(base_path));
}

std::string ApiServer::url() const {
  const auto& options = parts_->options;
  std::string host = options.bind_address == "0.0.0.0" ? "127.0.0.1" : options.bind_address;
  return "https://" + net::Endpoint{host, parts_->http.endpoint().port}.text();
}

void ApiServer::write_kubeconfig(
    const std::string& path,
    const std::vector<std::pair<std::string, std::string>>& contexts) const {
  write_admin_kubeconfig(path, url(), contexts, parts_->credentials);
}

void ApiServer::write_component_kubeconfig(const std::string& path, const std::string& name) const {
  write_file(path, component_kubeconfig(parts_->credentials, url(), name, system_clock()));
}

Task<> ApiServer::run(std::function<void(Scope&)> add_tasks) {
  Parts& parts = *parts_;
  co_await with_scope([&parts, &add_tasks](Scope& scope) -> Task<> {
    scope.spawn("http", parts.http.run());
    scope.spawn("namespaces", controllers::reap_namespaces(*parts.registry));
    add_tasks(scope);
    parts.api.ready();
    return wait_for_stop(parts.api, scope);
  });
}

}  // namespace cmd
