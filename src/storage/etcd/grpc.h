// gRPC over our own HTTP/2 client, as a client: calls with one answer, and streams. One Channel is
// one etcd member. Loop-bound. Why not the gRPC library: docs/adr/0008-etcd.md.
// Source: "gRPC over HTTP2" in the gRPC repository.
#pragma once

#include <chrono>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/task.h"
#include "http/client.h"
#include "http/pipe.h"
#include "net/tls.h"

namespace storage::etcd {

// gRPC's status codes, those that are told apart here.
enum class Code {
  Ok = 0,
  Unknown = 2,
  InvalidArgument = 3,
  NotFound = 5,
  PermissionDenied = 7,
  ResourceExhausted = 8,
  FailedPrecondition = 9,
  OutOfRange = 11,
  Unavailable = 14,
  Unauthenticated = 16,
};

// How a call ended. Failures are outcomes here: many are tried again.
struct Answer {
  Code code = Code::Ok;
  std::string text;     // the message that was answered, or why there is none
  bool sent = true;     // the member may have acted on it
  bool broken = false;  // the connection failed, not the call

  bool ok() const { return code == Code::Ok; }
  bool says(std::string_view words) const { return text.contains(words); }
};

struct ChannelOptions {
  http::Url url;
  std::shared_ptr<const net::TlsContext> tls;  // for https
};

// A message with the prefix that gRPC puts before it.
Bytes frame(std::string_view message);

// Takes messages out of a byte stream.
class MessageSplitter {
 public:
  void add(std::string_view bytes) { buffer_.append(bytes); }
  // The next whole message. Throws Error(InternalError) if it is compressed or over 256 MiB.
  std::optional<std::string> next();
  bool empty() const { return buffer_.size() == taken_; }

 private:
  std::string buffer_;
  std::size_t taken_ = 0;
};

class Channel;

// A stream in both directions; dropping it cancels the call.
class StreamCall {
 public:
  ~StreamCall() { requests_->end(); }
  void send(std::string_view message) { requests_->push(frame(message)); }
  // The next message, or nothing at the end, whose reason outcome() then tells.
  Task<std::optional<std::string>> read();
  const Answer& outcome() const { return outcome_; }
  const std::shared_ptr<Channel>& channel() const { return channel_; }

 private:
  friend class Channel;
  explicit StreamCall(std::shared_ptr<Channel> channel) : channel_(std::move(channel)) {}

  std::shared_ptr<Channel> channel_;
  std::shared_ptr<http::Pipe> requests_ = std::make_shared<http::Pipe>(SIZE_MAX);
  http::Response response_;
  MessageSplitter messages_;
  Answer outcome_;
};

class Channel : public std::enable_shared_from_this<Channel> {
 public:
  Channel(net::IoLoop& loop, ChannelOptions options);

  // `request` is framed. `token` is etcd's, "" = none.
  Task<Answer> unary(std::string path, Bytes request, std::string token);
  // Opens a stream with its first message; null if that failed, with the reason in `failure`.
  Task<std::unique_ptr<StreamCall>> open(std::string path, Bytes first, std::string token,
                                         Answer* failure);

  // Everything in flight breaks off, and all later calls do.
  void close();
  bool closed() const { return closed_; }
  std::size_t open_connections() const { return client_ ? client_->open_connections() : 0; }
  // For how long the quietest call with one answer has got nothing.
  Duration silence() const;
  std::string name() const { return name_; }  // "127.0.0.1:2379"

 private:
  using TimePoint = std::chrono::steady_clock::time_point;
  class Flight;

  Task<std::shared_ptr<http::Client>> client();
  http::Request request_for(std::string path, std::string token) const;
  Task<Answer> exchange(http::Request request, Flight& flight);

  net::IoLoop& loop_;
  const ChannelOptions options_;
  const std::string name_;
  std::shared_ptr<http::Client> client_;
  std::list<TimePoint> flights_;  // when each was last heard of
  bool closed_ = false;
};

}  // namespace storage::etcd
