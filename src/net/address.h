// Endpoint to sockaddr and back: for the sources of net/ only.
#pragma once

#include <sys/socket.h>

#include "net/socket.h"

namespace net {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// Throws Error(BadRequest) if the address is not numeric.
SocketAddress to_socket_address(const Endpoint& endpoint);
Endpoint to_endpoint(const sockaddr_storage& storage);
std::string errno_text(int error);

}  // namespace net
