#include "storage/etcd/grpc.h"

#include <arpa/inet.h>
#include <netdb.h>

#include <algorithm>

#include "base/child_task.h"
#include "base/error.h"
#include "base/strings.h"
#include "net/socket.h"

namespace storage::etcd {
namespace {

constexpr std::size_t kPrefixBytes = 5;
constexpr std::size_t kMaxMessageBytes = 256 * 1024 * 1024;

Answer broken(const Error& why, bool sent) {
  return {Code::Unavailable, why.message(), sent, true};
}

// What the status fields say; they stand in the head if there is no message.
Answer status_of(const http::Headers& fields) {
  auto status = fields.find("grpc-status");
  auto number = parse_u64(status.value_or(""));
  if (!number) return {Code::Unknown, "the answer has no status; is this etcd?"};
  if (*number == 0) return {};
  return {static_cast<Code>(*number), percent_decode(fields.get("grpc-message"))};
}

Answer outcome_of(const http::Response& response) {
  if (response.status != 200) {
    return {Code::Unknown, "HTTP status " + std::to_string(response.status) + "; is this etcd?"};
  }
  bool in_head = response.headers.find("grpc-status").has_value();
  return status_of(in_head ? response.headers : response.body->trailers());
}

bool is_address(const std::string& host) {
  unsigned char bytes[16];
  return host == "localhost" || ::inet_pton(AF_INET, host.c_str(), bytes) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

// Blocks: for offload().
std::string look_up(const std::string& host) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  int outcome = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (outcome != 0) {
    throw Error(Reason::ServiceUnavailable, "cannot find " + host + ": " + ::gai_strerror(outcome));
  }
  char text[NI_MAXHOST] = "";
  ::getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
  ::freeaddrinfo(found);
  return text;
}

// The outgoing side of a stream.
class PipeBody final : public http::BodyReader {
 public:
  explicit PipeBody(std::shared_ptr<http::Pipe> pipe) : pipe_(std::move(pipe)) {}
  Task<std::optional<Bytes>> read() override { return pipe_->read(); }

 private:
  std::shared_ptr<http::Pipe> pipe_;
};

}  // namespace

Bytes frame(std::string_view message) {
  std::string framed(kPrefixBytes, '\0');
  framed.reserve(kPrefixBytes + message.size());
  for (int i = 0; i < 4; ++i) {
    framed[static_cast<std::size_t>(4 - i)] = static_cast<char>(message.size() >> (8 * i) & 0xff);
  }
  framed.append(message);
  return Bytes(std::move(framed));
}

std::optional<std::string> MessageSplitter::next() {
  std::string_view rest = std::string_view(buffer_).substr(taken_);
  if (rest.size() < kPrefixBytes) return {};
  if (rest[0] != 0) throw Error::internal("etcd sent a compressed message");
  std::size_t size = 0;
  for (std::size_t i = 1; i < kPrefixBytes; ++i) {
    size = size << 8 | static_cast<unsigned char>(rest[i]);
  }
  if (size > kMaxMessageBytes) throw Error::internal("etcd sent a message that is too large");
  if (rest.size() < kPrefixBytes + size) {
    if (buffer_.capacity() < kPrefixBytes + size) buffer_.reserve(taken_ + kPrefixBytes + size);
    return {};
  }
  std::string message(rest.substr(kPrefixBytes, size));
  taken_ += kPrefixBytes + size;
  if (taken_ == buffer_.size() || taken_ > 1024 * 1024) {
    buffer_.erase(0, taken_);
    taken_ = 0;
  }
  return message;
}

Task<std::optional<std::string>> StreamCall::read() {
  if (!outcome_.ok()) co_return std::nullopt;
  try {
    while (true) {
      if (auto message = messages_.next()) co_return message;
      auto piece = co_await response_.body->read();
      if (!piece) break;
      messages_.add(piece->view());
    }
    outcome_ = outcome_of(response_);
    if (outcome_.ok()) outcome_ = {Code::Unavailable, "the stream has ended"};
  } catch (const Error& error) {
    outcome_ = broken(error, true);
  }
  co_return std::nullopt;
}

// A call that waits for its answer, while it does.
class Channel::Flight {
 public:
  explicit Flight(Channel& channel)
      : channel_(channel),
        place_(channel.flights_.insert(channel.flights_.end(), std::chrono::steady_clock::now())) {}
  ~Flight() { channel_.flights_.erase(place_); }
  Flight(const Flight&) = delete;
  Flight& operator=(const Flight&) = delete;
  void heard() { *place_ = std::chrono::steady_clock::now(); }

 private:
  Channel& channel_;
  std::list<TimePoint>::iterator place_;
};

Channel::Channel(net::IoLoop& loop, ChannelOptions options)
    : loop_(loop),
      options_(std::move(options)),
      name_(net::Endpoint{options_.url.host, options_.url.port}.text()) {}

Duration Channel::silence() const {
  if (flights_.empty()) return Duration{0};
  return std::chrono::steady_clock::now() - *std::ranges::min_element(flights_);
}

void Channel::close() {
  closed_ = true;
  if (client_) client_->close();
}

Task<std::shared_ptr<http::Client>> Channel::client() {
  std::string host = options_.url.host;
  if (!client_ && !is_address(host)) host = co_await offload([host] { return look_up(host); });
  if (closed_) throw http::ConnectFailed({Reason::ServiceUnavailable, name_ + " was given up"});
  if (!client_) {
    http::ClientOptions options;
    options.host = host;
    options.port = options_.url.port;
    options.tls = options_.tls;
    options.http2_only = true;
    options.connect_timeout = 2s;
    client_ = std::make_shared<http::Client>(loop_, std::move(options));
  }
  co_return client_;
}

http::Request Channel::request_for(std::string path, std::string token) const {
  http::Request request;
  request.method = "POST";
  request.target = std::move(path);
  request.authority = name_;
  // "hasleader": a member that is cut off from the others says so instead of waiting for them.
  request.headers = {
      {"content-type", "application/grpc"}, {"te", "trailers"}, {"hasleader", "true"}};
  if (!token.empty()) request.headers.add("token", token);
  return request;
}

Task<Answer> Channel::exchange(http::Request request, Flight& flight) {
  bool sent = false;
  try {
    auto over = co_await client();
    sent = true;
    auto response = co_await over->send(std::move(request));
    flight.heard();
    MessageSplitter messages;
    while (auto piece = co_await response.body->read()) {
      flight.heard();
      messages.add(piece->view());
    }
    Answer answer = outcome_of(response);
    if (!answer.ok()) co_return answer;
    auto message = messages.next();
    if (!message || !messages.empty()) co_return Answer{Code::Unknown, "not one message"};
    answer.text = std::move(*message);
    co_return answer;
  } catch (const http::ConnectFailed& error) {
    co_return broken(error, false);
  } catch (const Error& error) {
    co_return broken(error, sent);
  }
}

Task<Answer> Channel::unary(std::string path, Bytes request, std::string token) {
  auto self = shared_from_this();
  http::Request one = request_for(std::move(path), std::move(token));
  one.body = http::body_of(std::move(request));
  Flight flight(*this);
  co_return co_await exchange(std::move(one), flight);
}

Task<std::unique_ptr<StreamCall>> Channel::open(std::string path, Bytes first, std::string token,
                                                Answer* failure) {
  auto self = shared_from_this();
  std::unique_ptr<StreamCall> call(new StreamCall(self));
  call->requests_->push(std::move(first));
  http::Request one = request_for(std::move(path), std::move(token));
  one.body = std::make_unique<PipeBody>(call->requests_);
  try {
    Flight flight(*this);  // a member that answers nothing at all is noticed
    auto over = co_await client();
    call->response_ = co_await over->send(std::move(one));
  } catch (const Error& error) {
    *failure = broken(error, true);
    co_return nullptr;
  }
  if (call->response_.status != 200 || call->response_.headers.find("grpc-status")) {
    *failure = outcome_of(call->response_);
    co_return nullptr;
  }
  co_return call;
}

}  // namespace storage::etcd
