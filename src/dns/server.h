// The authoritative DNS server: UDP and TCP on one address, answering from an immutable table that
// is swapped when records change. Until the first table is set every query is refused.
#pragma once

#include <atomic>
#include <memory>

#include "base/task.h"
#include "gslb/zone.h"
#include "net/socket.h"
#include "net/udp.h"

namespace dns {

struct Options {
  net::Endpoint endpoint;  // port 0: any free port, the same for UDP and TCP
  std::size_t max_tcp_connections = 1000;
  Duration tcp_idle = 10s;
};

class Server {
 public:
  // Binds at once; throws Error(ServiceUnavailable) that names the address. Lives on `loop`.
  Server(net::IoLoop& loop, Options options);

  Task<> run();  // until cancelled
  // Answers from `zones` from now on. Thread-safe.
  void publish(std::shared_ptr<const gslb::Zones> zones) { zones_.store(std::move(zones)); }
  const net::Endpoint& endpoint() const { return tcp_.endpoint(); }

 private:
  // The answer to one message; "" if there is to be none.
  std::string answer(std::string_view message, bool tcp);
  Task<> serve_udp();
  Task<> serve_tcp();
  Task<> serve_connection(int descriptor);

  net::IoLoop& loop_;
  Options options_;
  net::TcpListener tcp_;
  net::UdpSocket udp_;
  std::atomic<std::shared_ptr<const gslb::Zones>> zones_;
  std::size_t turn_ = 0;
  std::size_t connections_ = 0;
};

}  // namespace dns
