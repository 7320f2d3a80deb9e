// http::Client: the Transport to one origin over real connections. HTTP/2 when the server agrees by
// ALPN, otherwise HTTP/1.1; a pool of connections either way. Nothing is retried except a request
// on a connection found dead before anything of it was sent.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "http/message.h"
#include "net/loop.h"
#include "net/tls.h"

namespace http {

struct ClientOptions {
  std::string host;  // IP literal or name
  std::uint16_t port = 0;
  std::shared_ptr<const net::TlsContext> tls;  // null: plain HTTP/1.1
  bool http2_only = false;                     // speak HTTP/2 without asking, also over plain TCP
  Duration connect_timeout = 10s;
  std::size_t max_connections = 64;  // idle HTTP/1.1 connections that are kept
};

// There is no connection to the server: nothing of the request has been sent.
class ConnectFailed final : public Error {
 public:
  explicit ConnectFailed(const Error& why) : Error(why) {}
};

// An http(s) URL taken apart: "https://127.0.0.1:6443/clusters/root".
struct Url {
  bool tls = false;
  std::string host;
  std::uint16_t port = 0;
  std::string path;  // "" or begins with '/'; no trailing slash
};
// Throws Error(BadRequest).
Url parse_url(std::string_view text);

class Client final : public Transport {
 public:
  // Bound to `loop`: send() and the destructor are called on its thread.
  Client(net::IoLoop& loop, ClientOptions options);
  ~Client() override;  // open responses break off

  // An empty authority is filled in with host and port. Throws ConnectFailed where that is certain.
  Task<Response> send(Request request) override;

  // Requests and responses in flight break off, and later requests fail.
  void close();
  // HTTP/2 connections whose tasks still run, also after close(): until there are none, the loop
  // must go on.
  std::size_t open_connections() const;

 private:
  class Pool;
  std::shared_ptr<Pool> pool_;
};

}  // namespace http
