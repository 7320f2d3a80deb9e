#include "http/server.h"

#include <set>

#include "base/error.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/scope.h"
#include "http/http1_server.h"
#include "http/http2_body.h"
#include "net/stream.h"

namespace http {
namespace {

constexpr Duration kHandshakeLimit = 10s;
constexpr Duration kTick = 10ms;
// How long a stopping server keeps idle HTTP/1.1 connections: a request that is on its way gets its
// answer and is told to close, instead of being cut off.
constexpr Duration kLinger = 250ms;

class Http2Writer final : public ResponseWriter {
 public:
  Http2Writer(Http2Session& session, Http2StreamPtr stream)
      : session_(session),
        stream_(std::move(stream)),
        head_only_(stream_->line->method == "HEAD") {}
  Task<> start(int status, Headers headers) override {
    started_ = true;
    session_.respond(*stream_, status, headers);
    co_return;
  }
  Task<> write(Bytes piece) override {
    if (head_only_) co_return;
    co_await stream_->outgoing.write(std::move(piece));
    session_.resume(*stream_);
  }
  bool try_write(const Bytes& piece) override {
    if (head_only_) return true;
    if (!stream_->outgoing.has_room()) return false;
    stream_->outgoing.push(piece);
    session_.resume(*stream_);
    return true;
  }
  Task<> finish() override {
    finished_ = true;
    stream_->outgoing.end();
    session_.resume(*stream_);
    co_return;
  }
  bool started() const override { return started_; }
  std::size_t queued() const override { return stream_->outgoing.queued(); }
  bool finished() const { return finished_; }

 private:
  Http2Session& session_;
  Http2StreamPtr stream_;
  const bool head_only_;
  bool started_ = false;
  bool finished_ = false;
};

Request request_of(std::weak_ptr<Http2Session> session, const Http2StreamPtr& stream,
                   const Peer& peer) {
  Request request;
  auto line = std::move(stream->line);
  request.method = std::move(line->method);
  request.target = std::move(line->path);
  request.authority = std::move(line->authority);
  if (request.authority.empty()) request.authority = stream->headers.get("host");
  request.headers = std::exchange(stream->headers, {});
  request.peer = peer;
  request.body = std::make_unique<Http2Body>(std::move(session), stream);
  return request;
}

// Not inlined: a coroutine's frame keeps room for what is inlined into it as long as it runs.
[[gnu::noinline]] Task<> start_handler(const std::weak_ptr<Http2Session>& session,
                                       const Http2StreamPtr& stream, const Peer& peer,
                                       const Handler& handler, ResponseWriter& writer) {
  return handler(request_of(session, stream, peer), writer);
}

[[gnu::noinline]] Task<> send_failure(const std::string& failure, ResponseWriter& writer) {
  log(LogLevel::Debug, "http", "a handler failed", {{"error", failure}});
  return writer.send(500, {{"content-type", "text/plain"}}, Bytes(failure + "\n"));
}

// `peer` and `handler` outlive all streams, see serve_http2. The request is the handler's alone,
// who may drop it early: a watch that waits for an hour does.
Task<> serve_stream(std::weak_ptr<Http2Session> weak, Http2StreamPtr stream, const Peer& peer,
                    const Handler& handler) {
  Http2Session& session = *weak.lock();  // outlives its handlers, too
  Http2Writer writer(session, stream);
  std::string failure;
  try {
    co_await start_handler(weak, stream, peer, handler, writer);
  } catch (const Error& error) {
    failure = error.message();
  }
  if (!failure.empty() && !writer.started() && !stream->closed) {
    co_await send_failure(failure, writer);
  }
  if (!writer.finished()) session.reset(*stream);
}

Task<> serve_http2(net::Stream& stream, Peer peer, const Handler& handler,
                   std::set<Http2Session*>& sessions) {
  Scope handlers(stream.loop());
  std::weak_ptr<Http2Session> self;
  auto session = std::make_shared<Http2Session>(
      Http2Session::Side::Server, stream, [&](Http2StreamPtr request) {
        request->task = handlers.spawn("request", serve_stream(self, request, peer, handler));
      });
  self = session;
  sessions.insert(session.get());
  std::exception_ptr failure;
  try {
    co_await session->run();
  } catch (...) {
    failure = std::current_exception();
  }
  sessions.erase(session.get());
  handlers.cancel();
  try {
    co_await handlers.join();
  } catch (...) {
    if (!failure) failure = std::current_exception();
  }
  if (failure) std::rethrow_exception(failure);
}

// Of all servers of the process.
struct Counts {
  metrics::Gauge& open = metrics::gauge("kcp_http_connections", "Open connections.");
  metrics::Counter& accepted =
      metrics::counter("kcp_http_connections_total", "Connections accepted.");
  metrics::Counter& refused =
      metrics::counter("kcp_http_connections_refused_total", "Connections closed: too many.");
  metrics::Counter& handshakes =
      metrics::counter("kcp_tls_handshakes_total", "TLS handshakes by result.", "result=\"ok\"");
  metrics::Counter& failed_handshakes = metrics::counter(
      "kcp_tls_handshakes_total", "TLS handshakes by result.", "result=\"failed\"");
};

Counts& counts() {
  static Counts all;
  return all;
}

// Waits a moment, also in a task that has been cancelled.
struct Tick {
  Loop& loop;
  bool await_ready() noexcept { return false; }
  void await_suspend(std::coroutine_handle<> self) {
    loop.call_after(kTick, [self] { self.resume(); });
  }
  void await_resume() noexcept {}
};

}  // namespace

// The connections that live on one loop. Made anywhere, used on that loop only.
struct Server::Group {
  net::IoLoop& loop;
  const ServerOptions& options;
  const Handler& handler;
  std::shared_ptr<std::atomic<std::size_t>> connections;
  std::shared_ptr<std::atomic<bool>> listener_closed;
  Scope* scope = nullptr;  // while run() runs
  bool draining = false;
  std::set<Http2Session*> sessions;
  std::set<net::Stream*> idle_http1;  // between two requests
  int ticks = 0;                      // since draining began

  void add(net::TcpListener::Accepted accepted) {
    auto descriptor = std::make_unique<net::Descriptor>(loop, accepted.fd);
    if (!scope) return;
    connections->fetch_add(1);
    counts().open.add(1);
    counts().accepted.add();
    scope->spawn("connection", serve(std::move(descriptor), accepted.peer));
  }

  Task<> serve(std::unique_ptr<net::Descriptor> descriptor, net::Endpoint from) {
    struct Count {
      std::atomic<std::size_t>& connections;
      ~Count() {
        connections.fetch_sub(1);
        counts().open.add(-1);
      }
    } count{*connections};
    try {
      co_await serve_connection(std::move(descriptor), from);
    } catch (const Error& error) {
      log(LogLevel::Debug, "http", "connection ended",
          {{"peer", from.text()}, {"why", error.message()}});
    }
  }

  Task<> serve_connection(std::unique_ptr<net::Descriptor> descriptor, net::Endpoint from) {
    std::unique_ptr<net::Stream> stream;
    if (options.tls) {
      struct Handshake {
        bool done = false;
        ~Handshake() { (done ? counts().handshakes : counts().failed_handshakes).add(); }
      } handshake;
      stream = co_await with_deadline(net::tls_stream(std::move(descriptor), options.tls),
                                      kHandshakeLimit, "no TLS handshake in time");
      handshake.done = true;
    } else {
      stream = net::plain_stream(std::move(descriptor));
    }
    const auto& facts = stream->tls();
    Peer peer;
    peer.address = from.text();
    peer.tls = facts.tls;
    peer.server_name = facts.server_name;
    peer.certificate_der = facts.peer_certificate_der;
    peer.certificate_invalid = facts.peer_certificate_invalid;
    if (facts.alpn == "h2") {
      co_await serve_http2(*stream, std::move(peer), handler, sessions);
      co_return;
    }
    co_await serve_http1(*stream, std::move(peer), handler, draining, idle_http1);
  }

  Task<> run() {
    Scope connections_scope(loop);
    scope = &connections_scope;
    bool cancelled = false;
    try {
      co_await wait_for([](Resolver<Done>) {});  // until cancelled
    } catch (const Cancelled&) {
      cancelled = true;
    }
    draining = true;
    // This task is cancelled already, so it counts the grace on timers of the loop itself.
    ScopedTimer grace(loop);
    grace.start(options.grace, [&connections_scope] { connections_scope.cancel(); });
    // Connections that were accepted last are still on their way here when the listener has closed.
    for (bool settled = false; !settled || connections_scope.size() > 0;) {
      settled = *listener_closed;
      for (Http2Session* session : sessions) session->drain();
      if (ticks++ * kTick >= std::min(kLinger, options.grace / 4)) {
        for (net::Stream* idle : idle_http1) idle->close();
      }
      co_await Tick{loop};
    }
    scope = nullptr;
    try {
      co_await connections_scope.join();
    } catch (const Cancelled&) {
    }
    if (cancelled) throw Cancelled();
  }
};

Server::Server(net::IoLoop& home, net::LoopPool& pool, ServerOptions options, Handler handler)
    : home_(home),
      pool_(pool),
      options_(std::move(options)),
      handler_(std::move(handler)),
      listener_(home, options_.endpoint),
      connections_(std::make_shared<std::atomic<std::size_t>>(0)),
      listener_closed_(std::make_shared<std::atomic<bool>>(false)) {
  for (std::size_t i = 0; i < pool_.size(); ++i) {
    groups_.push_back(std::make_shared<Group>(
        Group{pool_.at(i), options_, handler_, connections_, listener_closed_}));
  }
}

Server::~Server() = default;

const net::Endpoint& Server::endpoint() const { return listener_.endpoint(); }

void Server::dispatch(net::TcpListener::Accepted accepted) {
  if (connections_->load() >= options_.max_connections) {
    net::Descriptor refused(home_, accepted.fd);
    counts().refused.add();
    return;
  }
  auto group = groups_[turn_++ % groups_.size()];
  group->loop.post([group, accepted] { group->add(accepted); });
}

Task<> Server::accept_loop() {
  struct Close {  // who is in the listen queue by now is served; later ones are refused at once
    Server& server;
    ~Close() {
      while (auto accepted = server.listener_.try_accept()) server.dispatch(std::move(*accepted));
      server.listener_.close();
      *server.listener_closed_ = true;
    }
  } close{*this};
  while (true) dispatch(co_await listener_.accept());
}

Task<> Server::run() {
  Scope scope(home_);
  for (auto& group : groups_) scope.spawn("connections", on_loop(group->loop, group->run()));
  scope.spawn("accept", accept_loop());
  co_await scope.join();
}

}  // namespace http
