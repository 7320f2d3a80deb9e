// UDP in batches: one system call receives or sends many datagrams. Loop thread only.
#pragma once

#include <sys/socket.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "net/socket.h"

namespace net {

// One datagram with the address at its other end, kept as the kernel spells it: an answer goes back
// without a conversion.
struct Datagram {
  std::string data;
  sockaddr_storage address{};
  socklen_t address_length = 0;

  Endpoint remote() const;
  void set_remote(const Endpoint& endpoint);  // throws Error(BadRequest) if it is not numeric
};

struct UdpOptions {
  std::size_t max_datagram_bytes = 4096;  // longer ones are dropped on receipt
  bool reuse_port = false;                // several sockets, one per loop, share the port
};

class UdpSocket {
 public:
  static constexpr std::size_t kMaxBatch = 64;

  // Throws Error(ServiceUnavailable): "cannot listen on 127.0.0.1:53/udp: Permission denied".
  UdpSocket(IoLoop& loop, const Endpoint& endpoint, UdpOptions options = {});
  ~UdpSocket();
  UdpSocket(const UdpSocket&) = delete;
  UdpSocket& operator=(const UdpSocket&) = delete;

  // At least one datagram, at most kMaxBatch. One receiver at a time.
  Task<std::vector<Datagram>> receive();
  // Sends what the socket's buffer takes and drops the rest, as a network does. Returns how many
  // were sent.
  std::size_t send(std::span<const Datagram> datagrams);

  const Endpoint& endpoint() const { return endpoint_; }  // with the real port

 private:
  struct Buffers;

  UdpOptions options_;
  Endpoint endpoint_;
  std::unique_ptr<Descriptor> descriptor_;
  std::unique_ptr<Buffers> buffers_;
};

}  // namespace net
