#include "cluster/ingress_proxy.h"

#include <array>
#include <mutex>
#include <unordered_map>

#include "base/error.h"
#include "base/log.h"
#include "base/scope.h"
#include "base/strings.h"
#include "cluster/ingress_forward.h"
#include "http/client.h"
#include "http/server.h"

namespace cluster {
namespace {

constexpr Duration kAnswerLimit = 60s;  // from the request to the head of the backend's response
constexpr std::size_t kMaxTries = 5;
constexpr Duration kRetryPause = 20ms;  // from the third try on

// What the proxy itself answers.
struct Refusal {
  int status;
  std::string_view text;
};

// A table that readers take whole while its owner replaces it.
template <class T>
class Current {
 public:
  std::shared_ptr<const T> get() const {
    std::lock_guard lock(mutex_);
    return table_;
  }
  void set(std::shared_ptr<const T> table) {
    std::lock_guard lock(mutex_);
    table_.swap(table);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const T> table_ = std::make_shared<const T>();  // guarded by mutex_
};

// The connections from one loop to the backends, and whose turn it is. Used on that loop only.
struct Backends {
  net::IoLoop& loop;
  std::shared_ptr<const RouteTable> table;  // the one the members below belong to
  std::unordered_map<const Route*, std::size_t> turns;
  std::unordered_map<std::string, std::shared_ptr<http::Client>> clients;

  // Forgets turns, and the idle connections to backends that no route names any more.
  void follow(std::shared_ptr<const RouteTable> now) {
    if (now == table) return;
    table = std::move(now);
    turns.clear();
    std::map<std::string_view, bool> named;
    std::vector<std::string> texts;
    for (const auto& [host, routes] : table->hosts) {
      for (const Route& route : routes) {
        for (const net::Endpoint& backend : route.backends) texts.push_back(backend.text());
      }
    }
    for (const std::string& text : texts) named[text] = true;
    std::erase_if(clients, [&](const auto& entry) {
      return entry.second.use_count() == 1 && !named.contains(entry.first);
    });
  }

  net::Endpoint next(const Route& route) {
    return route.backends[turns[&route]++ % route.backends.size()];
  }

  std::shared_ptr<http::Client> client(const net::Endpoint& backend, Duration connect_timeout) {
    auto& client = clients[backend.text()];
    if (!client) {
      http::ClientOptions options;
      options.host = backend.address;
      options.port = backend.port;
      options.connect_timeout = connect_timeout;
      client = std::make_shared<http::Client>(loop, std::move(options));
    }
    return client;
  }
};

Task<> answer(http::ResponseWriter& response, int status, std::string_view text) {
  return response.send(status, {{"content-type", "text/plain; charset=utf-8"}},
                       Bytes(std::string(text) + "\n"));
}

}  // namespace

struct IngressProxy::State {
  IngressOptions options;
  net::IoLoop& home;
  Current<RouteTable> routes;
  Current<CertificateTable> certificates;
  std::unordered_map<Loop*, std::unique_ptr<Backends>> backends;  // fixed after construction
  std::unique_ptr<http::Server> plain;
  std::unique_ptr<http::Server> tls;

  const Route* find(Backends& own, const http::Request& request) {
    own.follow(routes.get());
    return find_route(*own.table, request.authority, request.path());
  }
  Task<> serve(http::Request request, http::ResponseWriter& response);
  Task<> forward(Backends& own, ForwardedRequest& forwarded, http::ResponseWriter& response);
};

Task<> IngressProxy::State::serve(http::Request request, http::ResponseWriter& response) {
  Loop& loop = co_await current_loop();
  if (!request.target.starts_with('/')) {
    co_await answer(response, 400, "bad request target");
    co_return;
  }
  ForwardedRequest forwarded(std::move(request));
  co_await forward(*backends.at(&loop), forwarded, response);
}

// One try per backend, beginning with the one whose turn it is. The route is looked up anew for
// each try: the backend that has just failed is often about to leave the table.
Task<> IngressProxy::State::forward(Backends& own, ForwardedRequest& forwarded,
                                    http::ResponseWriter& response) {
  std::optional<http::Response> found;
  std::shared_ptr<http::Client> client;  // keeps its connection while the response is read
  Refusal refusal{502, "no backend answered"};
  for (std::size_t tries = 0; tries < kMaxTries && !found && forwarded.can_be_sent(); ++tries) {
    if (tries > 1) co_await sleep_for(kRetryPause);
    const Route* route = find(own, forwarded.request());
    if (!route) refusal = {404, "default backend - 404"};
    if (route && route->backends.empty()) refusal = {503, "no backend is ready"};
    if (!route || route->backends.empty()) break;
    const net::Endpoint backend = own.next(*route);
    client = own.client(backend, options.connect_timeout);
    try {
      found =
          co_await with_deadline(client->send(forwarded.make()), kAnswerLimit, "no answer in time");
    } catch (const Error& error) {
      bool too_late = error.reason() == Reason::Timeout;
      refusal = too_late ? Refusal{504, "no backend answered in time"} : refusal;
      log(LogLevel::Debug, "cluster", "a backend did not answer",
          {{"backend", backend.text()}, {"why", error.message()}});
    }
  }
  if (!found) {
    co_await answer(response, refusal.status, refusal.text);
    co_return;
  }
  co_await response.start(found->status, end_to_end(found->headers));
  while (auto piece = co_await found->body->read()) co_await response.write(std::move(*piece));
  co_await response.finish();
}

IngressProxy::IngressProxy(net::IoLoop& home, net::LoopPool& pool, IngressOptions options)
    : state_(new State{std::move(options), home, {}, {}, {}, nullptr, nullptr}) {
  State* state = state_.get();  // the servers end before it does
  for (std::size_t i = 0; i < pool.size(); ++i) {
    state->backends[&pool.at(i)] = std::make_unique<Backends>(Backends{pool.at(i), {}, {}, {}});
  }
  http::Handler handler = [state](http::Request request, http::ResponseWriter& response) {
    return state->serve(std::move(request), response);
  };
  http::ServerOptions plain;
  plain.endpoint = {state->options.address, state->options.http_port};
  plain.grace = state->options.grace;
  state->plain = std::make_unique<http::Server>(home, pool, plain, handler);

  net::TlsServerOptions tls;
  tls.identity = [state](std::string_view server_name) {
    auto found = find_certificate(*state->certificates.get(), server_name);
    return found ? found : state->options.default_identity;
  };
  http::ServerOptions secure = plain;
  secure.endpoint.port = state->options.https_port;
  secure.tls = net::TlsContext::server(std::move(tls));
  state->tls = std::make_unique<http::Server>(home, pool, secure, std::move(handler));
}

IngressProxy::~IngressProxy() {
  // Clients belong to their loops, so they end there.
  for (auto& [loop, backends] : state_->backends) {
    loop->post([ended = std::move(backends)] {});
  }
}

Task<> IngressProxy::run() {
  Scope scope(state_->home);
  scope.spawn("ingress-http", state_->plain->run());
  scope.spawn("ingress-https", state_->tls->run());
  co_await scope.join();
}

void IngressProxy::set_routes(std::shared_ptr<const RouteTable> routes) {
  state_->routes.set(std::move(routes));
}

void IngressProxy::set_certificates(std::shared_ptr<const CertificateTable> certificates) {
  state_->certificates.set(std::move(certificates));
}

std::uint16_t IngressProxy::http_port() const { return state_->plain->endpoint().port; }
std::uint16_t IngressProxy::https_port() const { return state_->tls->endpoint().port; }

}  // namespace cluster
