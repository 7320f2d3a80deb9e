#include "http/client.h"

#include <fmt/format.h>

#include <list>

#include "base/error.h"
#include "base/strings.h"
#include "http/http1_client.h"
#include "http/http2_body.h"
#include "net/stream.h"

namespace http {
namespace {

// A connection's tasks own the connection; they end when it closes, or when the pool goes.
template <class F>
std::weak_ptr<task_detail::Child<void>> run_on(Loop& loop, Task<> task, F on_end) {
  auto child = std::make_shared<task_detail::Child<void>>();
  child->on_done = std::move(on_end);
  task_detail::start(loop, child, std::move(task));
  return child;
}

// An HTTP/2 connection: the stream, the session over it, and the task that drives both.
struct Http2Connection {
  std::unique_ptr<net::Stream> stream;
  std::shared_ptr<Http2Session> session;
  std::weak_ptr<task_detail::Child<void>> task;
};
using Http2ConnectionPtr = std::shared_ptr<Http2Connection>;

Task<> drive(Http2ConnectionPtr connection) { co_await connection->session->run(); }

// Feeds a request body into its stream.
Task<> pump(Http2ConnectionPtr connection, Http2StreamPtr stream,
            std::unique_ptr<BodyReader> body) {
  try {
    while (auto piece = co_await body->read()) {
      co_await stream->outgoing.write(std::move(*piece));
      connection->session->resume(*stream);
    }
    stream->outgoing.end();
    connection->session->resume(*stream);
  } catch (const Error&) {  // the body broke off or the stream is gone: either way it cannot go on
    connection->session->reset(*stream);
  }
}

// The response body; dropping it before its end resets the stream.
class Http2ResponseBody final : public BodyReader {
 public:
  Http2ResponseBody(Http2ConnectionPtr connection, Http2StreamPtr stream)
      : connection_(std::move(connection)),
        stream_(std::move(stream)),
        body_(connection_->session, stream_) {}
  ~Http2ResponseBody() override { connection_->session->reset(*stream_); }
  Http2ResponseBody(const Http2ResponseBody&) = delete;
  Http2ResponseBody& operator=(const Http2ResponseBody&) = delete;
  Task<std::optional<Bytes>> read() override { return body_.read(); }
  Headers trailers() const override { return body_.trailers(); }

 private:
  Http2ConnectionPtr connection_;
  Http2StreamPtr stream_;
  Http2Body body_;
};

Task<Response> exchange_http2(Http2ConnectionPtr connection, Request request,
                              std::string_view scheme) {
  auto stream = connection->session->request(request.method, scheme, request.authority,
                                             request.target, request.headers);
  auto body = std::make_unique<Http2ResponseBody>(connection, stream);
  Loop& loop = connection->stream->loop();
  auto upload = run_on(loop, pump(connection, stream, std::move(request.body)), [] {});
  struct StopUpload {  // ends with the exchange's head only if that failed
    std::weak_ptr<task_detail::Child<void>> task;
    bool keep = false;
    ~StopUpload() {
      auto child = task.lock();
      if (!keep && child) child->context.cancel();
    }
  } stop{upload};
  if (!stream->headers_complete) {
    co_await wait_for([&](Resolver<Done> done) { stream->waiting_for_headers = done; });
  }
  if (stream->status == 0) {
    throw Error(Reason::ServiceUnavailable, connection->session->end_reason().empty()
                                                ? "the server reset the request"
                                                : connection->session->end_reason());
  }
  stop.keep = true;
  Response response{stream->status, std::move(stream->headers), std::move(body)};
  co_return response;
}

}  // namespace

Url parse_url(std::string_view text) {
  Url url;
  std::string_view rest = text;
  auto bad = [&] { return Error::bad_request("invalid URL: " + std::string(text)); };
  if (rest.starts_with("https://")) {
    url.tls = true;
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else {
    throw bad();
  }
  std::size_t slash = rest.find('/');
  if (slash != std::string_view::npos) url.path = rest.substr(slash);
  while (url.path.ends_with('/')) url.path.pop_back();
  std::string_view authority = rest.substr(0, slash);
  std::size_t host_end = authority.starts_with('[') ? authority.find(']') : 0;
  if (host_end == std::string_view::npos) throw bad();
  std::size_t colon = authority.find(':', host_end);
  url.host = authority.substr(0, colon);
  if (url.host.starts_with('[')) url.host = url.host.substr(1, url.host.size() - 2);
  url.port = url.tls ? 443 : 80;
  if (colon != std::string_view::npos) {
    auto port = parse_u64(authority.substr(colon + 1));
    if (!port || *port == 0 || *port > 65535) throw bad();
    url.port = static_cast<std::uint16_t>(*port);
  }
  if (url.host.empty()) throw bad();
  return url;
}

// Shared by the Client and the responses that are still being read.
class Client::Pool : public std::enable_shared_from_this<Client::Pool> {
 public:
  Pool(net::IoLoop& loop, ClientOptions options)
      : loop_(loop),
        options_(std::move(options)),
        may_share_(options_.tls != nullptr || options_.http2_only) {
    net::Endpoint endpoint{options_.host, options_.port};
    authority_ = endpoint.text();
  }

  Task<Response> send(Request request) {
    if (request.authority.empty()) request.authority = authority_;
    if (!request.body) request.body = body_of(Bytes());
    while (true) {
      if (closed_) throw closed();
      if (auto connection = free_http2()) {
        co_return co_await exchange_http2(connection, std::move(request), scheme());
      }
      if (auto connection = free_http1()) {
        co_return co_await send_http1(std::move(connection), std::move(request));
      }
      // The connection that is being made may turn out to carry this request too.
      if (!connecting_ || !may_share_) break;
      co_await wait_for([this](Resolver<Done> done) { waiting_.push_back(done); });
    }
    auto stream = co_await connect();
    if (closed_) throw closed();
    may_share_ = stream->tls().alpn == "h2" || options_.http2_only;
    if (may_share_) {
      auto connection = adopt(std::move(stream));
      wake_waiting();
      co_return co_await exchange_http2(connection, std::move(request), scheme());
    }
    wake_waiting();
    co_return co_await send_http1(std::make_shared<Http1Connection>(std::move(stream)),
                                  std::move(request));
  }

  std::size_t open_connections() const { return *running_; }

  void close() {
    closed_ = true;
    idle_.clear();
    for (auto& connection : http2_) {
      if (auto task = connection->task.lock()) task->context.cancel();
    }
    http2_.clear();
  }

 private:
  std::string_view scheme() const { return options_.tls ? "https" : "http"; }
  static ConnectFailed closed() {
    return ConnectFailed(Error(Reason::ServiceUnavailable, "the client is closed"));
  }

  Http2ConnectionPtr free_http2() {
    std::erase_if(http2_, [](const auto& one) {
      return !one->session->usable() && one->session->open_streams() == 0;
    });
    for (auto& connection : http2_) {
      if (connection->session->usable()) return connection;
    }
    return nullptr;
  }

  std::shared_ptr<Http1Connection> free_http1() {
    while (!idle_.empty()) {
      auto connection = std::move(idle_.front());
      idle_.pop_front();
      if (!connection->stale()) return connection;
    }
    return nullptr;
  }

  void wake_waiting() {
    for (auto& one : std::exchange(waiting_, {})) one.resolve(Done{});
  }

  // Whoever waits for this connection shares its failure; if this task is cancelled, one of them
  // takes over.
  Task<std::unique_ptr<net::Stream>> connect() {
    struct Connecting {
      Pool& pool;
      explicit Connecting(Pool& owner) : pool(owner) { ++pool.connecting_; }
      ~Connecting() { --pool.connecting_; }
    } connecting(*this);
    std::exception_ptr failure;
    try {
      co_return co_await with_deadline(open(), options_.connect_timeout,
                                       "no connection to " + authority_ + " in time");
    } catch (const Error& error) {
      failure = std::make_exception_ptr(ConnectFailed(error));
      for (auto& one : std::exchange(waiting_, {})) one.fail(failure);
      std::rethrow_exception(failure);
    } catch (...) {
      wake_waiting();
      throw;
    }
  }

  Task<std::unique_ptr<net::Stream>> open() {
    auto descriptor = co_await net::connect_tcp(loop_, {options_.host, options_.port});
    if (!options_.tls) co_return net::plain_stream(std::move(descriptor));
    co_return co_await net::tls_stream(std::move(descriptor), options_.tls);
  }

  Http2ConnectionPtr adopt(std::unique_ptr<net::Stream> stream) {
    auto connection = std::make_shared<Http2Connection>();
    connection->stream = std::move(stream);
    connection->session = std::make_shared<Http2Session>(
        Http2Session::Side::Client, *connection->stream, [](Http2StreamPtr) {});
    ++*running_;
    connection->task = run_on(loop_, drive(connection), [running = running_] { --*running; });
    http2_.push_back(connection);
    return connection;
  }

  Task<Response> send_http1(std::shared_ptr<Http1Connection> connection, Request request) {
    auto give_back = [pool = weak_from_this()](std::shared_ptr<Http1Connection> used) {
      auto self = pool.lock();
      bool keep = self && !self->closed_ && used->reusable &&
                  self->idle_.size() < self->options_.max_connections;
      if (keep) self->idle_.push_front(std::move(used));
    };
    co_return co_await exchange_http1(std::move(connection), std::move(request), give_back);
  }

  net::IoLoop& loop_;
  ClientOptions options_;
  std::string authority_;
  std::list<Http2ConnectionPtr> http2_;
  std::shared_ptr<std::size_t> running_ = std::make_shared<std::size_t>(0);  // drive() tasks
  std::list<std::shared_ptr<Http1Connection>> idle_;
  int connecting_ = 0;
  std::vector<Resolver<Done>> waiting_;
  bool may_share_ = true;  // the server speaks HTTP/2, as far as is known
  bool closed_ = false;
};

Client::Client(net::IoLoop& loop, ClientOptions options)
    : pool_(std::make_shared<Pool>(loop, std::move(options))) {}

Client::~Client() { pool_->close(); }

void Client::close() { pool_->close(); }

std::size_t Client::open_connections() const { return pool_->open_connections(); }

Task<Response> Client::send(Request request) { return pool_->send(std::move(request)); }

}  // namespace http
