#include "http/http1_client.h"

#include "base/error.h"
#include "base/strings.h"
#include "http/http1_parser.h"

namespace http {
namespace {

Error broke_off() { return {Reason::ServiceUnavailable, "the server closed the connection"}; }

Task<bool> fill(Http1Connection& connection) {
  co_await connection.stream->readable();
  auto scratch = connection.stream->loop().scratch();
  auto got = connection.stream->try_read(scratch);
  connection.input.append(scratch.data(), got.bytes);
  co_return got.bytes > 0 || !got.ended;
}

Task<> send_request(Http1Connection& connection, Request& request) {
  Headers headers = request.headers;
  headers.set("host", request.authority);
  auto first = co_await request.body->read();
  bool chunked = first && !headers.find("content-length");
  if (chunked) headers.set("transfer-encoding", "chunked");
  bool may_carry = request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
  if (!first && may_carry) headers.set("content-length", "0");
  co_await connection.stream->write(print_head(request.method, request.target, headers));
  for (auto piece = std::move(first); piece; piece = co_await request.body->read()) {
    if (chunked) {
      char size[20];
      std::snprintf(size, sizeof size, "%zx\r\n", piece->size());
      co_await connection.stream->write(std::string(size).append(piece->view()).append("\r\n"));
    } else {
      co_await connection.stream->write(piece->view());
    }
  }
  if (chunked) co_await connection.stream->write("0\r\n\r\n");
}

Task<ResponseHead> read_head(Http1Connection& connection) {
  while (true) {
    auto end = find_head_end(connection.input);
    if (!end) throw end.error();
    if (!*end) {
      if (!co_await fill(connection)) throw broke_off();
      continue;
    }
    auto head = parse_response_head(std::string_view(connection.input).substr(0, **end));
    if (!head) throw Error(Reason::ServiceUnavailable, head.error().message());
    connection.input.erase(0, **end);
    if (head->status >= 200) co_return std::move(*head);
  }
}

class ClientBody final : public BodyReader {
 public:
  ClientBody(std::shared_ptr<Http1Connection> connection, BodyFraming framing,
             std::function<void(std::shared_ptr<Http1Connection>)> give_back)
      : connection_(std::move(connection)), parser_(framing), give_back_(std::move(give_back)) {
    if (parser_.done()) release();
  }
  ~ClientBody() override { release(); }
  ClientBody(const ClientBody&) = delete;
  ClientBody& operator=(const ClientBody&) = delete;

  Task<std::optional<Bytes>> read() override {
    while (connection_ && !parser_.done()) {
      auto step = parser_.advance(connection_->input);
      if (!step) throw step.error();
      std::string body(step->body);
      connection_->input.erase(0, step->consumed);
      bool progress = step->consumed > 0;
      if (parser_.done()) release();
      if (!body.empty()) co_return Bytes(std::move(body));
      if (progress || !connection_) continue;
      if (!co_await fill(*connection_) && !parser_.end_of_stream()) {
        throw Error::bad_request("the response body broke off");
      }
    }
    release();
    co_return std::nullopt;
  }

 private:
  void release() {
    if (!connection_) return;
    connection_->reusable = connection_->reusable && parser_.done();
    give_back_(std::exchange(connection_, nullptr));
  }

  std::shared_ptr<Http1Connection> connection_;
  BodyParser parser_;
  std::function<void(std::shared_ptr<Http1Connection>)> give_back_;
};

}  // namespace

bool Http1Connection::stale() {
  char byte;
  auto got = stream->try_read({&byte, 1});
  return got.ended || got.bytes > 0;
}

Task<Response> exchange_http1(std::shared_ptr<Http1Connection> connection, Request request,
                              std::function<void(std::shared_ptr<Http1Connection>)> give_back) {
  connection->reusable = false;
  co_await send_request(*connection, request);
  ResponseHead head = co_await read_head(*connection);
  auto framing = response_framing(head.headers, head.status, request.method);
  if (!framing) throw Error(Reason::ServiceUnavailable, framing.error().message());
  connection->reusable = framing->kind != BodyFraming::Kind::UntilEnd &&
                         !equals_ignore_case(head.headers.get("connection"), "close");
  Response response{head.status, std::move(head.headers), nullptr};
  response.body =
      std::make_unique<ClientBody>(std::move(connection), *framing, std::move(give_back));
  co_return response;
}

}  // namespace http
