// An HTTP server on one address: HTTP/1.1 and HTTP/2, plain or TLS, spread over the loops of a
// pool.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "http/message.h"
#include "net/loop.h"
#include "net/socket.h"
#include "net/tls.h"

namespace http {

struct ServerOptions {
  net::Endpoint endpoint;                      // port 0: any free port
  std::shared_ptr<const net::TlsContext> tls;  // null: plain text
  std::size_t max_connections = 20'000;        // further ones are closed at once
  Duration grace = 2s;                         // for requests in flight when stopping
};

class Server {
 public:
  // Binds at once: throws Error(ServiceUnavailable) "cannot listen on <endpoint>: <cause>". `home`
  // is the loop that accepts; connections live on the loops of `pool` (which may include it).
  // `handler` is called on those loops, so it must be thread-safe. All must outlive run().
  Server(net::IoLoop& home, net::LoopPool& pool, ServerOptions options, Handler handler);
  ~Server();

  // Serves until cancelled. Then it stops accepting, lets requests in flight end for `grace`,
  // cancels the rest and returns when all connections are gone. On the home loop.
  Task<> run();

  const net::Endpoint& endpoint() const;  // with the real port

 private:
  struct Group;
  Task<> accept_loop();
  void dispatch(net::TcpListener::Accepted accepted);

  net::IoLoop& home_;
  net::LoopPool& pool_;
  ServerOptions options_;
  Handler handler_;
  net::TcpListener listener_;
  std::vector<std::shared_ptr<Group>> groups_;
  std::shared_ptr<std::atomic<std::size_t>> connections_;
  std::shared_ptr<std::atomic<bool>> listener_closed_;
  std::size_t turn_ = 0;
};

}  // namespace http
