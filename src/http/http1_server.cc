#include "http/http1_server.h"

#include "base/error.h"
#include "base/log.h"
#include "base/scope.h"
#include "base/strings.h"
#include "http/http1_parser.h"

namespace http {
namespace {

constexpr Duration kIdle = 120s;  // up to the end of a request's head
constexpr Duration kStall = 60s;  // between two pieces of its body
constexpr std::size_t kMaxPipelined = 64 * 1024;
constexpr std::size_t kMaxDrained = 256 * 1024;
constexpr std::size_t kMaxCopied = 16 * 1024;  // of a piece of a response

// What the parts of one connection share: the stream and the input not yet consumed.
struct Connection {
  net::Stream& stream;
  std::string input;

  // Reads once, appending to `input`; false at the end.
  Task<bool> fill() {
    co_await stream.readable();
    auto scratch = stream.loop().scratch();
    auto got = stream.try_read(scratch);
    input.append(scratch.data(), got.bytes);
    co_return !got.ended;
  }
};

class Http1Body final : public BodyReader {
 public:
  Http1Body(Connection& connection, BodyFraming framing, bool expects_continue)
      : connection_(connection), parser_(framing), expects_continue_(expects_continue) {}

  Task<std::optional<Bytes>> read() override {
    if (std::exchange(expects_continue_, false) && !parser_.done()) {
      co_await connection_.stream.write("HTTP/1.1 100 Continue\r\n\r\n");
    }
    while (!parser_.done()) {
      auto step = parser_.advance(connection_.input);
      if (!step) throw step.error();
      std::string body(step->body);
      connection_.input.erase(0, step->consumed);
      if (!body.empty()) co_return Bytes(std::move(body));
      if (step->consumed > 0 || parser_.done()) continue;
      if (!co_await with_deadline(connection_.fill(), kStall, "the request body does not arrive")) {
        throw Error::bad_request("the request body broke off");
      }
    }
    co_return std::nullopt;
  }

  bool done() const { return parser_.done(); }

 private:
  Connection& connection_;
  BodyParser parser_;
  bool expects_continue_;
};

// The handler's view of that body; it may outlive the request.
class BorrowedBody final : public BodyReader {
 public:
  explicit BorrowedBody(std::shared_ptr<Http1Body> body) : body_(std::move(body)) {}
  Task<std::optional<Bytes>> read() override { return body_->read(); }

 private:
  std::shared_ptr<Http1Body> body_;
};

class Http1Writer final : public ResponseWriter {
 public:
  Http1Writer(Connection& connection, bool head_only, bool http10, bool close, const bool& draining)
      : connection_(connection),
        head_only_(head_only),
        http10_(http10),
        close_(close),
        draining_(draining) {}

  Task<> start(int status, Headers headers) override {
    started_ = true;
    bool bodiless = head_only_ || status == 204 || status == 304;
    bool has_length = headers.find("content-length").has_value();
    chunked_ = !bodiless && !has_length && !http10_;
    silent_ = bodiless;
    close_ = close_ || draining_ || (!bodiless && !has_length && http10_);
    if (chunked_) headers.set("transfer-encoding", "chunked");
    if (close_) headers.set("connection", "close");
    co_await connection_.stream.write(print_head(status, headers));
  }

  Task<> write(Bytes piece) override {
    if (silent_ || piece.empty()) co_return;
    if (!chunked_) {
      co_await connection_.stream.write(piece.view());
      co_return;
    }
    std::string head = hex_size(piece.size()) + "\r\n";
    if (piece.size() <= kMaxCopied) {
      co_await connection_.stream.write(head.append(piece.view()).append("\r\n"));
      co_return;
    }
    // Not copied: a peer may take it slowly, and there may be many of such.
    co_await connection_.stream.write(head);
    co_await connection_.stream.write(piece.view());
    co_await connection_.stream.write("\r\n");
  }

  Task<> finish() override {
    finished_ = true;
    if (chunked_) co_await connection_.stream.write("0\r\n\r\n");
  }

  bool started() const override { return started_; }
  std::size_t queued() const override { return 0; }
  bool finished() const { return finished_; }
  bool must_close() const { return close_; }

 private:
  static std::string hex_size(std::size_t size) {
    char text[20];
    std::snprintf(text, sizeof text, "%zx", size);
    return text;
  }

  Connection& connection_;
  const bool head_only_;
  const bool http10_;
  bool close_;
  const bool& draining_;
  bool chunked_ = false;
  bool silent_ = false;
  bool started_ = false;
  bool finished_ = false;
};

Task<> refuse(Connection& connection, const Error& error) {
  std::string body = error.message() + "\n";
  int status = error.reason() == Reason::RequestEntityTooLarge ? 431 : error.code();
  Headers headers{{"content-type", "text/plain"}, {"connection", "close"}};
  headers.set("content-length", std::to_string(body.size()));
  co_await connection.stream.write(print_head(status, headers) + body);
}

// Waits for the peer to go away while a handler works; early pipelined input is kept.
Task<> watch_peer(Connection& connection, TaskRef handler) {
  while (connection.input.size() < kMaxPipelined) {
    if (!co_await connection.fill()) {
      handler.cancel();
      co_return;
    }
  }
}

struct Finished {
  bool done = false;
  std::optional<Resolver<Done>> waiter;
};

Task<> call_handler(const Handler& handler, Request request, Http1Writer& writer,
                    Finished& finished) {
  struct Tell {
    Finished& finished;
    ~Tell() {
      finished.done = true;
      if (finished.waiter) finished.waiter->resolve(Done{});
    }
  } tell{finished};
  std::string failure;
  try {
    co_await handler(std::move(request), writer);
  } catch (const Error& error) {
    failure = error.message();
  }
  if (failure.empty()) co_return;
  log(LogLevel::Debug, "http", "a handler failed", {{"error", failure}});
  if (!writer.started()) {
    Headers headers{{"content-type", "text/plain"}};
    co_await writer.send(500, headers, Bytes(failure + "\n"));
  }
}

// Runs the handler of one request; returns when it has ended.
Task<> handle(Connection& connection, const Handler& handler, Request request, Http1Writer& writer,
              const Http1Body& body) {
  Loop& loop = connection.stream.loop();
  Scope scope(loop);
  Finished finished;
  std::exception_ptr failure;
  TaskRef task =
      scope.spawn("handler", call_handler(handler, std::move(request), writer, finished));
  try {
    if (body.done()) scope.spawn("watch-peer", watch_peer(connection, task));
    if (!finished.done) {
      co_await wait_for([&](Resolver<Done> done) { finished.waiter = done; });
    }
  } catch (...) {
    failure = std::current_exception();
  }
  finished.waiter.reset();
  scope.cancel();
  try {
    co_await scope.join();
  } catch (const Error&) {  // a broken connection; the next read or write reports it
  } catch (...) {
    if (!failure) failure = std::current_exception();
  }
  if (failure) std::rethrow_exception(failure);
}

// Takes a complete head off the input; false if there is none yet.
bool take_head(Connection& connection, std::string& head) {
  auto end = find_head_end(connection.input);
  if (!end) throw end.error();
  if (!*end) return false;
  head = connection.input.substr(0, **end);
  connection.input.erase(0, **end);
  return true;
}

Task<bool> wait_for_head(Connection& connection, std::string& head) {
  while (co_await connection.fill()) {
    if (take_head(connection, head)) co_return true;
  }
  co_return false;
}

// One deadline for the whole head: sending it slowly does not hold a connection.
Task<bool> read_head(Connection& connection, std::string& head) {
  if (take_head(connection, head)) co_return true;
  co_return co_await with_deadline(wait_for_head(connection, head), kIdle, "no request in time");
}

// Serves one request; false when the connection must close.
Task<bool> serve_one(Connection& connection, const Peer& peer, const Handler& handler,
                     const bool& draining, std::set<net::Stream*>& idle) {
  std::string text;
  {
    struct Idle {
      std::set<net::Stream*>& all;
      net::Stream* one;
      ~Idle() { all.erase(one); }
    } waiting{idle, &connection.stream};
    idle.insert(&connection.stream);
    if (!co_await read_head(connection, text)) co_return false;
  }
  auto head = parse_request_head(text);
  auto framing =
      head ? request_framing(head->headers) : Result<BodyFraming>(std::unexpected(head.error()));
  if (!framing) throw framing.error();
  bool wants_close = equals_ignore_case(head->headers.get("connection"), "close") || head->http10;
  bool expects = equals_ignore_case(head->headers.get("expect"), "100-continue");
  auto body = std::make_shared<Http1Body>(connection, *framing, expects);
  Http1Writer writer(connection, head->method == "HEAD", head->http10, wants_close, draining);
  Request request;
  request.method = std::move(head->method);
  request.target = std::move(head->target);
  request.authority = head->headers.get("host");
  request.headers = std::move(head->headers);
  request.peer = peer;
  request.body = std::make_unique<BorrowedBody>(body);
  co_await handle(connection, handler, std::move(request), writer, *body);
  if (!writer.finished() || writer.must_close()) co_return false;
  std::size_t drained = 0;
  while (!body->done() && drained < kMaxDrained) {
    auto piece = co_await body->read();
    drained += piece ? piece->size() : 0;
  }
  co_return body->done();
}

}  // namespace

Task<> serve_http1(net::Stream& stream, Peer peer, const Handler& handler, const bool& draining,
                   std::set<net::Stream*>& idle) {
  Connection connection{stream, {}};
  std::optional<Error> refusal;
  try {
    while (co_await serve_one(connection, peer, handler, draining, idle)) {
    }
  } catch (const Error& error) {
    refusal = error;
  }
  bool answerable = refusal && refusal->reason() != Reason::ServiceUnavailable &&
                    refusal->reason() != Reason::Timeout;
  if (answerable) {
    try {
      co_await refuse(connection, *refusal);
    } catch (const Error&) {  // the peer does not listen any more
    }
  }
  stream.close();
}

}  // namespace http
