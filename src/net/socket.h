// Sockets on a loop: a descriptor that can be waited for, TCP listeners and connections. Each
// belongs to one loop and is used there only. Addresses are numeric IPv4 or IPv6, or "localhost".
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/task.h"
#include "net/loop.h"

namespace net {

struct Endpoint {
  std::string address;  // "127.0.0.1", "::1", "0.0.0.0"
  std::uint16_t port = 0;
  std::string text() const;  // "127.0.0.1:6443", "[::1]:6443"
};

// Owns a non-blocking file descriptor.
class Descriptor {
 public:
  Descriptor(IoLoop& loop, int fd);
  ~Descriptor();
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int fd() const { return fd_; }
  IoLoop& loop() const { return loop_; }
  // Suspend until the kernel says so; several tasks may wait at once. Throw
  // Error(ServiceUnavailable) once the descriptor is closed.
  Task<> readable();
  Task<> writable();
  void close();  // wakes all waiters; idempotent

 private:
  struct Core;
  Task<> wait(bool read);

  IoLoop& loop_;
  int fd_;
  std::shared_ptr<Core> core_;
};

class TcpListener {
 public:
  // Throws Error(ServiceUnavailable): "cannot listen on 127.0.0.1:6443: Address already in use".
  TcpListener(IoLoop& loop, const Endpoint& endpoint);

  // The next connection as an open, non-blocking descriptor number that the caller owns. When the
  // process is out of descriptors it waits instead of failing.
  struct Accepted {
    int fd = -1;
    Endpoint peer;
  };
  Task<Accepted> accept();
  std::optional<Accepted> try_accept();  // without waiting; nothing if it cannot be done now
  const Endpoint& endpoint() const { return endpoint_; }  // with the port that was given
  void close() { descriptor_->close(); }

 private:
  Endpoint endpoint_;
  std::unique_ptr<Descriptor> descriptor_;
};

// Connects; throws Error(ServiceUnavailable) with the cause.
Task<std::unique_ptr<Descriptor>> connect_tcp(IoLoop& loop, Endpoint endpoint);

}  // namespace net
