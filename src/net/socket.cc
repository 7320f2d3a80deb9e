#include "net/socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstring>

#include "base/error.h"
#include "net/address.h"
#include "net/loop_core.h"

namespace net {

std::string errno_text(int error) { return ::strerror(error); }

std::string Endpoint::text() const {
  bool v6 = address.find(':') != std::string::npos;
  return (v6 ? "[" + address + "]" : address) + ":" + std::to_string(port);
}

SocketAddress to_socket_address(const Endpoint& endpoint) {
  SocketAddress out;
  std::string host = endpoint.address == "localhost" ? "127.0.0.1" : endpoint.address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&out.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&out.storage);
  if (::inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(endpoint.port);
    out.length = sizeof *v4;
  } else if (::inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(endpoint.port);
    out.length = sizeof *v6;
  } else {
    throw Error::bad_request("not an IP address: " + endpoint.address);
  }
  return out;
}

Endpoint to_endpoint(const sockaddr_storage& storage) {
  char text[INET6_ADDRSTRLEN] = "";
  if (storage.ss_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&storage);
    ::inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
    return {text, ntohs(v6->sin6_port)};
  }
  const auto* v4 = reinterpret_cast<const sockaddr_in*>(&storage);
  ::inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
  return {text, ntohs(v4->sin_port)};
}

struct Descriptor::Core {
  boost::asio::posix::stream_descriptor descriptor;
  explicit Core(boost::asio::io_context& context, int fd) : descriptor(context, fd) {}
};

Descriptor::Descriptor(IoLoop& loop, int fd)
    : loop_(loop), fd_(fd), core_(std::make_shared<Core>(loop.core().context, fd)) {}

Descriptor::~Descriptor() { close(); }

void Descriptor::close() {
  boost::system::error_code ignored;
  if (core_->descriptor.is_open()) core_->descriptor.close(ignored);
}

Task<> Descriptor::wait(bool read) {
  using Base = boost::asio::posix::descriptor_base;
  auto core = core_;
  if (!core->descriptor.is_open()) {
    throw Error(Reason::ServiceUnavailable, "the connection is closed");
  }
  co_await wait_for([&](Resolver<Done> done) {
    core->descriptor.async_wait(read ? Base::wait_read : Base::wait_write,
                                [done](const boost::system::error_code&) { done.resolve(Done{}); });
  });
  if (!core->descriptor.is_open()) {
    throw Error(Reason::ServiceUnavailable, "the connection is closed");
  }
}

Task<> Descriptor::readable() { return wait(true); }
Task<> Descriptor::writable() { return wait(false); }

TcpListener::TcpListener(IoLoop& loop, const Endpoint& endpoint) : endpoint_(endpoint) {
  SocketAddress address = to_socket_address(endpoint);
  int fd = ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int one = 1;
  if (fd >= 0) ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (fd < 0 || ::bind(fd, address.get(), address.length) != 0 || ::listen(fd, 1024) != 0) {
    int error = errno;
    if (fd >= 0) ::close(fd);
    throw Error(Reason::ServiceUnavailable,
                "cannot listen on " + endpoint.text() + ": " + errno_text(error));
  }
  sockaddr_storage bound{};
  socklen_t length = sizeof bound;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &length);
  endpoint_.port = to_endpoint(bound).port;
  descriptor_ = std::make_unique<Descriptor>(loop, fd);
}

std::optional<TcpListener::Accepted> TcpListener::try_accept() {
  sockaddr_storage peer{};
  socklen_t length = sizeof peer;
  int fd = ::accept4(descriptor_->fd(), reinterpret_cast<sockaddr*>(&peer), &length,
                     SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return {};
  int one = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return Accepted{fd, to_endpoint(peer)};
}

Task<TcpListener::Accepted> TcpListener::accept() {
  while (true) {
    if (auto accepted = try_accept()) co_return *accepted;
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      co_await sleep_for(100ms);
    }
    co_await descriptor_->readable();
  }
}

namespace {

// A peer that vanished without a word is noticed within a minute, also by those who only read.
void notice_dead_peer(int fd) {
  int one = 1, idle_seconds = 30, interval_seconds = 10, probes = 3;
  unsigned limit_milliseconds = 60'000;
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_seconds, sizeof idle_seconds);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_seconds, sizeof interval_seconds);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
  ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit_milliseconds, sizeof limit_milliseconds);
}

}  // namespace

Task<std::unique_ptr<Descriptor>> connect_tcp(IoLoop& loop, Endpoint endpoint) {
  SocketAddress address = to_socket_address(endpoint);
  auto fail = [&](int error) {
    return Error(Reason::ServiceUnavailable,
                 "cannot connect to " + endpoint.text() + ": " + errno_text(error));
  };
  int fd = ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw fail(errno);
  auto descriptor = std::make_unique<Descriptor>(loop, fd);
  int one = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  notice_dead_peer(fd);
  if (::connect(fd, address.get(), address.length) != 0) {
    if (errno != EINPROGRESS) throw fail(errno);
    co_await descriptor->writable();
    int error = 0;
    socklen_t length = sizeof error;
    ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) throw fail(error);
  }
  co_return descriptor;
}

}  // namespace net
