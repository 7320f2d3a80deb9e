#include "cmd/api_server.h"

#include "auth/rbac.h"
#include "auth/workspace_authorizer.h"
#include "base/error.h"
#include "base/metrics.h"
#include "cmd/backup_source.h"
#include "cmd/credentials.h"
#include "cmd/files.h"
#include "cmd/shared_credentials.h"
#include "controllers/api_sharing/policies.h"
#include "controllers/api_sharing/rules.h"
#include "controllers/content/reaper.h"
#include "controllers/garbage/collector.h"
#include "controllers/workload/workload.h"
#include "controllers/workspaces/path_index.h"
#include "http/server.h"
#include "registry/rules/rules.h"
#include "server/server.h"
#include "storage/rocksdb.h"
#include "tenancy/path.h"
#include "virtual_workspaces/api_export.h"
#include "virtual_workspaces/syncer_workspace.h"

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

// Where service accounts of this server live, and who says so in their tokens.
auth::AccountTokens::Options account_options(Flavour flavour) {
  if (flavour == Flavour::Workspaces) return {"https://kcp.default.svc", ""};
  return {"https://kubernetes.default.svc", std::string(registry::kPlainCluster)};
}

std::unique_ptr<auth::Authorizer> make_authorizer(Flavour flavour, cache::Cache& cache) {
  if (flavour == Flavour::PlainCluster) return auth::make_rbac(cache, {});
  return auth::make_workspace_authorizer(cache, std::string(tenancy::kAdmin),
                                         controllers::make_permission_policies(cache));
}

std::unique_ptr<storage::Store> open_store(const ApiServerOptions& options) {
  if (!options.etcd) return storage::open_rocksdb({options.root_directory + "/data"});
  auto store = storage::open_etcd(*options.etcd);
  share_credentials(*store, options.root_directory, system_clock());
  return store;
}

}  // namespace

// In the order of construction; destroyed in reverse, but for the store, which goes first.
struct ApiServer::Parts {
  ApiServerOptions options;
  net::LoopPool& pool;
  std::unique_ptr<storage::Store> store;
  Credentials credentials;
  std::unique_ptr<cache::Cache> cache;
  std::unique_ptr<registry::Registry> registry;
  controllers::PathIndex paths;
  std::shared_ptr<controllers::OwnerIndex> owners;
  std::unique_ptr<auth::Authorizer> authorizer;
  auth::AccountTokens accounts;
  auth::Authenticator authenticator;
  server::Server api;
  http::Server http;
  std::unique_ptr<controllers::ApiSharing> sharing;  // Workspaces only

  Parts(ApiServerOptions from, net::LoopPool& loops)
      : options(std::move(from)),
        pool(loops),
        store(open_store(options)),
        credentials(load_credentials(options.root_directory,
                                     hosts_of(options.addresses, options.bind_address),
                                     system_clock())),
        cache(cache::make_cache(*store, {.hold = true})),
        registry(registry::make_registry({options.flavour, *store, *cache, system_clock()})),
        paths(*cache),
        owners(controllers::make_owner_index(*cache)),
        authorizer(make_authorizer(options.flavour, *cache)),
        accounts(load_signing_key(options.root_directory), account_options(options.flavour), *cache,
                 system_clock()),
        authenticator(load_tokens(options.token_auth_file), &accounts),
        api({*registry, authenticator, *authorizer, options.flavour, &paths, kVersion}),
        http(pool.at(0), pool, http_options(options, credentials), api.handler()) {
    bool workspaces = options.flavour == Flavour::Workspaces;
    api.mount(kBackupPath, make_backup_handler({*store, authenticator, system_clock(),
                                                options.root_directory, kVersion}));
    registry::install_review_rules(*registry, *authorizer);
    registry::install_escalation_check(*registry, *authorizer,
                                       workspaces ? std::string(tenancy::kAdmin) : "");
    registry::install_service_account_rules(*registry, authenticator, accounts,
                                            credentials.ca.certificate_pem);
    if (workspaces) {
      sharing =
          std::make_unique<controllers::ApiSharing>(*registry, paths, *authorizer, server_url());
      controllers::install_workload_rules(*registry, paths, *authorizer);
      api.mount("/services/", virtual_workspaces::make_handler(views(), authenticator));
    }
    cache->start();
  }

  std::string server_url() const {
    return url_of(options.addresses, options.bind_address, http.endpoint().port);
  }

  // The virtual workspaces, one line each.
  std::vector<std::shared_ptr<virtual_workspaces::VirtualWorkspace>> views() {
    virtual_workspaces::Shard shard(api.handler());
    return {
        virtual_workspaces::make_api_export_workspace(*registry, *authorizer, shard),
        virtual_workspaces::make_syncer_workspace({*registry, *authorizer, shard, server_url()})};
  }
};

namespace {

metrics::Gauge& leading() {
  return metrics::gauge("kcp_leader", "1 while controllers run here: 0 if another server leads.");
}

// The cache's events go when the store's history goes, and most of them after a few seconds: their
// objects may be the last that is left of what was removed.
Task<> forget_with_store(cache::Cache& cache, const storage::Store& store) {
  constexpr Duration kLook = 5s;  // whoever watches has seen an event by then
  std::uint64_t seen = 0;
  while (true) {
    co_await sleep_for(kLook);
    cache.forget_events(storage::number(store.oldest()));
    cache.trim_events(std::exchange(seen, cache.revision()));
  }
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

Task<> ApiServer::run_controllers(Parts& parts, std::function<void(Scope&)> add_controllers) {
  struct Leading {
    metrics::Gauge& gauge = leading();
    Leading() { gauge.add(1); }
    ~Leading() { gauge.add(-1); }
  } leading;
  co_await with_scope([&](Scope& scope) -> Task<> {
    std::vector holders{controllers::namespace_holder(*parts.registry),
                        controllers::definition_holder(*parts.registry)};
    if (parts.sharing) holders.push_back(parts.sharing->holder());
    scope.spawn("content", controllers::reap_content(*parts.registry, std::move(holders)));
    scope.spawn("garbage", controllers::collect_garbage(*parts.registry, parts.owners));
    if (parts.sharing) scope.spawn("sharing", parts.sharing->run());
    if (add_controllers) add_controllers(scope);
    return scope.join();
  });
}

ApiServer::ApiServer(ApiServerOptions options, net::LoopPool& pool)
    : parts_(std::make_unique<Parts>(std::move(options), pool)) {}

ApiServer::~ApiServer() {
  parts_->store.reset();  // first: its thread feeds the cache
}

registry::Registry& ApiServer::registry() { return *parts_->registry; }

const server::ClusterResolver& ApiServer::clusters() const { return parts_->paths; }

std::shared_ptr<client::Client> ApiServer::admin_client(std::string base_path) {
  return std::make_shared<client::Client>(parts_->api.direct(auth::system_user("controllers")),
                                          std::move(base_path));
}

std::string ApiServer::url() const { return parts_->server_url(); }

void ApiServer::write_kubeconfig(
    const std::string& path,
    const std::vector<std::pair<std::string, std::string>>& contexts) const {
  write_admin_kubeconfig(path, url(), contexts, parts_->credentials);
}

void ApiServer::write_component_kubeconfig(const std::string& path, const std::string& name) const {
  write_file(path, component_kubeconfig(parts_->credentials, url(), name, system_clock()));
}

Task<> ApiServer::bootstrap(std::function<Task<>()> write) {
  constexpr int kAttempts = 10;
  for (int attempt = 1;; ++attempt) {
    std::optional<Error> failure;
    try {
      co_return co_await write();
    } catch (const Error& error) {
      failure = error;
    }
    bool others = parts_->store->shared() && (failure->reason() == Reason::Conflict ||
                                              failure->reason() == Reason::AlreadyExists);
    if (!others || attempt == kAttempts) throw *failure;
    co_await parts_->store->catch_up();
    co_await sleep_for(attempt * 50ms);
  }
}

Task<> ApiServer::run(std::function<void(Scope&)> add_controllers, std::function<void()> on_ready) {
  Parts& parts = *parts_;
  co_await with_scope([&](Scope& scope) -> Task<> {
    scope.spawn("http", parts.http.run());
    scope.spawn("controllers", parts.store->while_leading([&parts, add_controllers] {
      return run_controllers(parts, add_controllers);
    }));
    scope.spawn("history", forget_with_store(*parts.cache, *parts.store));
    leading();
    parts.api.ready();
    if (on_ready) scope.loop().post(std::move(on_ready));
    return wait_for_stop(parts.api, scope);
  });
}

}  // namespace cmd
