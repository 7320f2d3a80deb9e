// Calling a Handler in this process: no socket, the same semantics, backpressure and cancellation.
#include "base/error.h"
#include "base/scope.h"
#include "http/message.h"
#include "http/pipe.h"

namespace http {
namespace {

constexpr std::size_t kHighWater = 256 * 1024;

// What the caller's Response and the handler's task share. Loop-bound.
struct Exchange {
  Pipe body{kHighWater};
  int status = 0;
  Headers headers;
  bool started = false;
  std::string failure;
  std::optional<Resolver<Done>> waiting_for_start;
  std::weak_ptr<task_detail::Child<void>> task;

  void wake() {
    if (auto one = std::exchange(waiting_for_start, std::nullopt)) one->resolve(Done{});
  }
};

class DirectWriter final : public ResponseWriter {
 public:
  explicit DirectWriter(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}
  Task<> start(int status, Headers headers) override {
    exchange_->status = status;
    exchange_->headers = std::move(headers);
    exchange_->started = true;
    exchange_->wake();
    co_return;
  }
  Task<> write(Bytes piece) override { return exchange_->body.write(std::move(piece)); }
  Task<> finish() override {
    exchange_->body.end();
    co_return;
  }
  bool started() const override { return exchange_->started; }
  std::size_t queued() const override { return exchange_->body.queued(); }

 private:
  std::shared_ptr<Exchange> exchange_;
};

// The caller's end: dropping it cancels the handler.
class DirectBody final : public BodyReader {
 public:
  explicit DirectBody(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}
  ~DirectBody() override {
    exchange_->body.close_reader();
    if (auto task = exchange_->task.lock()) task->context.cancel();
  }
  DirectBody(const DirectBody&) = delete;
  DirectBody& operator=(const DirectBody&) = delete;
  Task<std::optional<Bytes>> read() override { return exchange_->body.read(); }

 private:
  std::shared_ptr<Exchange> exchange_;
};

Task<> handle(Handler handler, Request request, std::shared_ptr<Exchange> exchange) {
  DirectWriter writer(exchange);
  try {
    co_await handler(std::move(request), writer);
    exchange->body.end();
  } catch (const Cancelled&) {
    exchange->failure = "the call was cancelled";
  } catch (const std::exception& error) {
    exchange->failure = error.what();
  }
  if (!exchange->failure.empty()) exchange->body.fail(exchange->failure);
  exchange->wake();
}

class DirectTransport final : public Transport {
 public:
  DirectTransport(Handler handler, Peer peer)
      : handler_(std::move(handler)), peer_(std::move(peer)) {}

  Task<Response> send(Request request) override {
    Loop& loop = co_await current_loop();
    auto exchange = std::make_shared<Exchange>();
    request.peer = peer_;
    if (!request.body) request.body = body_of(Bytes());
    // The handler's task owns itself and ends soon after its Response is dropped: its writes fail
    // and its waits are cancelled.
    auto child = std::make_shared<task_detail::Child<void>>();
    child->on_done = [] {};
    exchange->task = child;
    task_detail::start(loop, child, handle(handler_, std::move(request), exchange));
    auto body = std::make_unique<DirectBody>(exchange);
    if (!exchange->started && exchange->failure.empty()) {
      co_await wait_for([&](Resolver<Done> done) { exchange->waiting_for_start = done; });
    }
    if (!exchange->started) {
      throw Error(Reason::ServiceUnavailable,
                  exchange->failure.empty() ? "the handler sent no response" : exchange->failure);
    }
    Response response{exchange->status, std::move(exchange->headers), std::move(body)};
    co_return response;
  }

 private:
  Handler handler_;
  Peer peer_;
};

}  // namespace

std::shared_ptr<Transport> direct_transport(Handler handler, Peer peer) {
  return std::static_pointer_cast<Transport>(
      std::make_shared<DirectTransport>(std::move(handler), std::move(peer)));
}

}  // namespace http
