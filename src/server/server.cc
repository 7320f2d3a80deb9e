#include "server/server.h"

#include <fmt/format.h>

#include <algorithm>

#include "auth/accounts.h"
#include "base/log.h"
#include "base/random.h"
#include "base/strings.h"
#include "json/text.h"
#include "server/accept.h"
#include "server/documents.h"
#include "server/handlers/handlers.h"
#include "server/health.h"
#include "server/limiter.h"
#include "server/newest.h"
#include "server/status.h"
#include "server/write_options.h"

namespace server {
namespace {

using WatchPtr = std::unique_ptr<OpenWatch>;

registry::FieldValidation field_validation(const Query& query) {
  std::string text = query.get("fieldValidation");
  if (text.empty() || text == "Warn") return registry::FieldValidation::Warn;
  if (text == "Strict") return registry::FieldValidation::Strict;
  if (text == "Ignore") return registry::FieldValidation::Ignore;
  throw Error::invalid("meta.k8s.io", "CreateOptions", "",
                       {{"FieldValueNotSupported", "fieldValidation",
                         fmt::format("Unsupported value: {}: supported values: \"Ignore\", "
                                     "\"Strict\", \"Warn\"",
                                     quote(text))}});
}

// Whether the answer must show all that was acknowledged before. A creation finds out by itself
// what is there, and whoever asks for any version is content with what is here.
bool wants_newest(const RequestInfo& info) {
  return info.verb != "create" && info.query.get("resourceVersion") != "0";
}

Error unknown_path() {
  return {Reason::NotFound, "the server could not find the requested resource"};
}

}  // namespace

struct Server::State {
  explicit State(Options from) : options(std::move(from)) {}

  Options options;
  const bool is_shared = options.registry.store().shared();
  Documents documents;
  std::vector<std::pair<std::string, http::Handler>> mounts;
  std::vector<Check> checks;
  std::atomic<bool> is_ready = false;
  Limiter requests{options.max_in_flight, options.max_in_flight_of_user};
  Limiter watches{SIZE_MAX, options.max_watches_of_user};
  Usage usage;
  std::atomic<bool> stopping = false;

  // These three leave the watch that goes on, if there is one.
  Task<WatchPtr> answer(http::Request request, http::ResponseWriter& response);
  Task<WatchPtr> handle(http::Request& request, RequestRecord& response);
  Task<WatchPtr> handle_resource(http::Request& request, http::ResponseWriter& response,
                                 const RequestInfo& info, auth::UserPtr user,
                                 const std::string& cluster);
  Task<bool> handle_path(const http::Request& request, http::ResponseWriter& response,
                         const RequestInfo& info, const std::string& cluster);
  struct Asked {
    auth::UserPtr user;
    std::string cluster;
  };
  Task<Asked> identify(const http::Request& request, const RequestInfo& info,
                       std::optional<std::string> named);
  Task<std::string> resolve_cluster(const std::string& text, const RequestInfo& info,
                                    auth::UserPtr user, bool by_system);
  Task<> authorize(const auth::UserPtr& user, const RequestInfo& info, const std::string& cluster);
  registry::Call call_for(const RequestInfo& info, auth::UserPtr user,
                          const std::string& cluster) const;
  Task<registry::Call> find_call(const RequestInfo& info, auth::UserPtr user,
                                 const std::string& cluster) const {
    co_return call_for(info, std::move(user), cluster);
  }
};

namespace {

Task<> send_error(const Error& error, http::ResponseWriter& response) {
  http::Headers headers{{"content-type", "application/json"},
                        {"cache-control", "no-cache, private"}};
  if (error.details().retry_after_seconds > 0) {
    headers.set("retry-after", std::to_string(error.details().retry_after_seconds));
  }
  co_await response.send(error.code(), headers, Bytes(json::print(status_of(error)) + "\n"));
}

Task<> dispatch(Exchange& exchange) {
  const std::string& verb = exchange.info.verb;
  if (verb == "get") return handle_get(exchange);
  if (verb == "list") return handle_list(exchange);
  if (verb == "watch") return handle_watch(exchange);
  if (verb == "create") return handle_create(exchange);
  if (verb == "update") return handle_update(exchange);
  if (verb == "patch") return handle_patch(exchange);
  if (verb == "delete") return handle_delete(exchange);
  if (verb == "deletecollection") return handle_delete_collection(exchange);
  throw Error(Reason::MethodNotAllowed,
              "the server does not allow this method on the requested resource");
}

// Whether the kind offers this verb and sub-resource.
void check_offered(const registry::Call& call, const RequestInfo& info) {
  const auto& kind = *call.kind;
  const std::string& sub = info.subresource;
  bool known = sub.empty() || (sub == "status" && call.version->has_status) ||
               (sub == "scale" && call.version->scale) ||
               (sub == "finalize" && kind.plural == "namespaces" && kind.group.empty());
  bool token = sub == "token" && kind.plural == "serviceaccounts" && kind.group.empty();
  if (!known && !token) throw unknown_path();
  bool verb_ok = kind.verbs.empty() || std::ranges::find(kind.verbs, info.verb) != kind.verbs.end();
  bool sub_ok = sub.empty() || info.verb == "get" || info.verb == "update" || info.verb == "patch";
  if (token) sub_ok = info.verb == "create";
  if (!verb_ok || !sub_ok) {
    throw Error(Reason::MethodNotAllowed,
                "the server does not allow this method on the requested resource");
  }
  bool wildcard_ok = call.cluster != "*" || info.verb == "list" || info.verb == "watch";
  if (!wildcard_ok) {
    throw Error(
        Reason::MethodNotAllowed,
        fmt::format("{} is not supported on resources of kind {} in the `*` logical cluster",
                    info.verb, quote(kind.plural)));
  }
}

}  // namespace

// A stranger is told the same of a workspace that is not there as of one that he may not enter.
Task<std::string> Server::State::resolve_cluster(const std::string& text, const RequestInfo& info,
                                                 auth::UserPtr user, bool by_system) {
  if (text == "*") co_return text;
  auto cluster = options.clusters ? options.clusters->resolve(text) : std::nullopt;
  if (!cluster && by_system) cluster = options.clusters->resolve_for_system(text);
  if (cluster) co_return *cluster;
  user = auth::seen_from(std::move(user), text);
  co_await authorize(user, info, "");
  throw Error::not_found("tenancy.kcp.io", "workspaces", text);
}

Task<> Server::State::authorize(const auth::UserPtr& user, const RequestInfo& info,
                                const std::string& cluster) {
  auto attributes = attributes_of(user, info, cluster);
  auto verdict = co_await options.authorizer.authorize(attributes);
  if (verdict.decision == auth::Decision::Allow) co_return;
  std::string why = auth::forbidden_message(attributes, verdict.reason);
  if (!info.resource_request) throw Error(Reason::Forbidden, "forbidden: " + why);
  throw Error::forbidden(info.group, info.resource, info.name, why);
}

registry::Call Server::State::call_for(const RequestInfo& info, auth::UserPtr user,
                                       const std::string& cluster) const {
  registry::Call call;
  call.cluster = cluster;
  call.kind = options.registry.kinds().find(cluster, info.group, info.resource, info.identity);
  if (!call.kind) throw unknown_path();
  call.version = call.kind->find_version(info.version);
  if (!call.version || !call.version->served) throw unknown_path();
  if (call.kind->namespaced) {
    call.ns = info.ns;
  } else if (!info.ns.empty() && call.kind->plural != "namespaces") {
    throw unknown_path();
  }
  bool collection = info.verb == "list" || info.verb == "watch" || info.verb == "deletecollection";
  if (!collection) call.name = info.name;
  if (call.kind->namespaced && call.ns.empty() && !collection) throw unknown_path();
  call.subresource = info.subresource;
  call.verb = info.verb;
  call.user = std::move(user);
  call.dry_run = dry_run_of(info);
  call.field_validation = field_validation(info.query);
  return call;
}

Task<WatchPtr> Server::State::handle_resource(http::Request& request,
                                              http::ResponseWriter& response,
                                              const RequestInfo& info, auth::UserPtr user,
                                              const std::string& cluster) {
  auto find = [&] { return find_call(info, user, cluster); };
  registry::Call call = is_shared ? co_await attempt_with_newest(options.registry, find)
                                  : call_for(info, user, cluster);
  check_offered(call, info);
  bool owns = info.verb == "create" || info.verb == "update" || info.verb == "patch";
  if (owns) call.field_manager = field_manager_of(request, info, *call.user);
  Form form = value_or_throw(negotiate(request.headers.get("accept")));
  Exchange exchange{options.registry, request, response, info, std::move(call), form, {},
                    &stopping,        &usage,  {},       {}};
  auto may_create = [&]() -> Task<> {
    RequestInfo asked = info;
    asked.verb = "create";
    co_await authorize(exchange.call.user, asked, cluster);
  };
  if (info.verb == "patch") exchange.may_create = may_create;
  const auto& version = *exchange.call.version;
  if (version.deprecated) {
    exchange.warnings.push_back(version.deprecation_warning.empty()
                                    ? fmt::format("{} {} is deprecated",
                                                  exchange.call.kind->api_version(version.name),
                                                  exchange.call.kind->kind)
                                    : version.deprecation_warning);
  }
  co_await dispatch(exchange);
  co_return std::move(exchange.watch);
}

Task<bool> Server::State::handle_path(const http::Request& request, http::ResponseWriter& response,
                                      const RequestInfo& info, const std::string& cluster) {
  if (info.path == "/version" || info.path == "/version/") {
    co_await answer_version(options.version, response);
    co_return true;
  }
  if (info.path == "/metrics") {
    // They are about the process, so no workspace has them.
    bool whole = cluster.empty() || options.flavour == registry::Flavour::PlainCluster;
    if (!whole) throw unknown_path();
    co_await answer_metrics(options.registry, response);
    co_return true;
  }
  if (info.path == "/" || info.path == "/index.html") {
    json::Value paths =
        json::Value::array({"/api", "/api/v1", "/apis", "/healthz", "/livez", "/metrics",
                            "/openapi/v2", "/openapi/v3", "/readyz", "/version"});
    co_await response.send(200, {{"content-type", "application/json"}},
                           Bytes(json::print(json::Value::object({{"paths", paths}}))));
    co_return true;
  }
  auto& kinds = options.registry.kinds();
  bool workspaces = options.flavour == registry::Flavour::Workspaces;
  DocumentSource source{[&] { return kinds.list(cluster); }, kinds.etag(cluster),
                        workspaces ? "/clusters/" + cluster : "",
                        [&](const std::string& group) { return kinds.list(cluster, group); }};
  co_return co_await documents.answer(request, info.path, source, response);
}

// Who asks, and about which logical cluster ("" = about none).
Task<Server::State::Asked> Server::State::identify(const http::Request& request,
                                                   const RequestInfo& info,
                                                   std::optional<std::string> named) {
  bool workspaces = options.flavour == registry::Flavour::Workspaces;
  auth::UserPtr user = value_or_throw(options.authenticator.authenticate(request));
  std::string cluster = workspaces ? "" : std::string(registry::kPlainCluster);
  bool by_system = user->in_group(auth::kMasters);
  if (named) cluster = co_await resolve_cluster(*named, info, user, by_system);
  // Clients in a cluster know the host only: a service account is at home without saying so.
  bool homeward = workspaces && !named && info.path != "/metrics";
  if (homeward) cluster = auth::home_cluster(*user);
  if (homeward && !cluster.empty()) {
    cluster = co_await resolve_cluster(cluster, info, user, by_system);
  }
  if (workspaces) user = auth::seen_from(std::move(user), cluster);
  co_return Asked{std::move(user), std::move(cluster)};
}

Task<WatchPtr> Server::State::handle(http::Request& request, RequestRecord& response) {
  std::string path(request.path());
  for (const auto& [prefix, mounted] : mounts) {
    if (!path.starts_with(prefix)) continue;
    if (is_shared) co_await options.registry.store().catch_up();
    response.is_counted_elsewhere();
    co_await mounted(std::move(request), response);
    co_return nullptr;
  }
  bool workspaces = options.flavour == registry::Flavour::Workspaces;
  std::string_view rest = path;
  auto prefix = workspaces ? split_cluster(path) : std::nullopt;
  if (prefix) rest = prefix->rest;
  RequestInfo info = parse_request(request.method, rest, request.query());
  response.is_about(info);
  bool other = !info.resource_request;
  if (other && co_await answer_health(info, checks, response)) co_return nullptr;

  if (is_shared && wants_newest(info)) co_await options.registry.store().catch_up();
  std::optional<std::string> named;
  if (prefix) named = prefix->cluster;
  auto look = [&] { return identify(request, info, named); };
  auto [user, cluster] = is_shared ? co_await attempt_with_newest(options.registry, look)
                                   : co_await identify(request, info, named);
  bool in_one = !cluster.empty() && cluster != "*";
  if (in_one) usage.note_request(cluster, options.registry.clock().now());
  bool system = user->in_group(auth::kMasters);
  Limiter::Slot slot(info.verb == "watch" ? watches : requests, system ? "" : user->name);
  bool open = info.path == "/version" && !workspaces;
  if (!open && is_shared) {
    co_await attempt_with_newest(options.registry, [&] { return authorize(user, info, cluster); });
  } else if (!open) {
    co_await authorize(user, info, cluster);
  }
  if (info.resource_request) {
    if (cluster.empty()) throw unknown_path();
    WatchPtr watch = co_await handle_resource(request, response, info, std::move(user), cluster);
    if (!watch) co_return nullptr;
    watch->slot.emplace(std::move(slot));
    watch->running.emplace();
    if (in_one) watch->usage.emplace(usage, cluster);
    co_return watch;
  }
  if (!co_await handle_path(request, response, info, cluster)) {
    throw unknown_path();
  }
  co_return nullptr;
}

Task<WatchPtr> Server::State::answer(http::Request request, http::ResponseWriter& response) {
  WatchPtr watch;
  RequestRecord record(response);
  std::optional<Error> failure;
  try {
    watch = co_await handle(request, record);
  } catch (const Cancelled&) {
    throw;
  } catch (const Error& error) {
    failure = error;
  } catch (const std::exception& error) {  // a bug: the client is told, the server goes on
    log(LogLevel::Error, "server", "unexpected failure",
        {{"method", request.method}, {"target", request.target}, {"error", error.what()}});
    failure = Error::internal("unexpected failure");
  }
  if (failure && record.started()) throw *failure;
  if (failure) co_await send_error(*failure, record);
  co_return watch;
}

namespace {

// All that was needed to answer is given back before a watch waits.
Task<> answer_and_go_on(Task<WatchPtr> answering, http::ResponseWriter& response) {
  WatchPtr watch = co_await std::move(answering);
  {
    Task<WatchPtr> ended = std::move(answering);
  }
  if (watch) co_await watch->run(response);
}

}  // namespace

Server::Server(Options options) : state_(std::make_shared<State>(std::move(options))) {
  add_check("ping", [] { return std::string(); });
  add_check("storage", [state = state_.get()] {
    auto health = state->options.registry.store().health();
    return health.writable ? std::string() : health.message;
  });
  add_check("ready", [state = state_.get()] {
    return state->is_ready && !state->stopping ? std::string() : "starting or stopping";
  });
}

Server::~Server() = default;

http::Handler Server::handler() {
  return [state = state_.get()](http::Request request, http::ResponseWriter& response) {
    return answer_and_go_on(state->answer(std::move(request), response), response);
  };
}

void Server::mount(std::string prefix, http::Handler mounted) {
  state_->mounts.emplace_back(std::move(prefix), std::move(mounted));
}

void Server::add_check(std::string name, std::function<std::string()> check) {
  state_->checks.push_back({std::move(name), std::move(check)});
}

void Server::ready() { state_->is_ready = true; }
void Server::stop() {
  state_->stopping = true;
  state_->options.registry.objects().wake_watchers();
}

std::shared_ptr<http::Transport> Server::direct(auth::UserPtr user) {
  http::Peer peer;
  peer.address = "in-process";
  peer.trusted_identity = std::move(user);
  return http::direct_transport(handler(), std::move(peer));
}

}  // namespace server
