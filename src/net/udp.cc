#include "net/udp.h"

#include <array>
#include <cerrno>

#include "base/error.h"
#include "net/address.h"

namespace net {

Endpoint Datagram::remote() const { return to_endpoint(address); }

void Datagram::set_remote(const Endpoint& endpoint) {
  SocketAddress to = to_socket_address(endpoint);
  address = to.storage;
  address_length = to.length;
}

// Where recvmmsg puts a batch. Made once; the payloads are copied out because they outlive it.
struct UdpSocket::Buffers {
  explicit Buffers(std::size_t datagram_bytes) : bytes(datagram_bytes * kMaxBatch) {
    for (std::size_t i = 0; i < kMaxBatch; ++i) {
      parts[i] = {bytes.data() + i * datagram_bytes, datagram_bytes};
      messages[i].msg_hdr.msg_iov = &parts[i];
      messages[i].msg_hdr.msg_iovlen = 1;
      messages[i].msg_hdr.msg_name = &addresses[i];
    }
  }

  std::vector<char> bytes;
  std::array<iovec, kMaxBatch> parts{};
  std::array<sockaddr_storage, kMaxBatch> addresses{};
  std::array<mmsghdr, kMaxBatch> messages{};
};

UdpSocket::UdpSocket(IoLoop& loop, const Endpoint& endpoint, UdpOptions options)
    : options_(options),
      endpoint_(endpoint),
      buffers_(std::make_unique<Buffers>(options.max_datagram_bytes)) {
  SocketAddress address = to_socket_address(endpoint);
  int fd = ::socket(address.storage.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int one = 1;
  if (fd >= 0 && options_.reuse_port) {
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
  }
  if (fd < 0 || ::bind(fd, address.get(), address.length) != 0) {
    int error = errno;
    if (fd >= 0) Descriptor closes_it(loop, fd);
    throw Error(Reason::ServiceUnavailable,
                "cannot listen on " + endpoint.text() + "/udp: " + errno_text(error));
  }
  sockaddr_storage bound{};
  socklen_t length = sizeof bound;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &length);
  endpoint_.port = to_endpoint(bound).port;
  descriptor_ = std::make_unique<Descriptor>(loop, fd);
}

UdpSocket::~UdpSocket() = default;

Task<std::vector<Datagram>> UdpSocket::receive() {
  while (true) {
    for (auto& message : buffers_->messages) {
      message.msg_hdr.msg_namelen = sizeof(sockaddr_storage);
      message.msg_hdr.msg_flags = 0;
    }
    int count =
        ::recvmmsg(descriptor_->fd(), buffers_->messages.data(), kMaxBatch, MSG_DONTWAIT, nullptr);
    std::vector<Datagram> batch;
    batch.reserve(count > 0 ? static_cast<std::size_t>(count) : 0);
    for (int i = 0; i < count; ++i) {
      auto at = static_cast<std::size_t>(i);
      const mmsghdr& message = buffers_->messages[at];
      if (message.msg_hdr.msg_flags & MSG_TRUNC) continue;
      batch.push_back(
          {std::string(static_cast<const char*>(buffers_->parts[at].iov_base), message.msg_len),
           buffers_->addresses[at], message.msg_hdr.msg_namelen});
    }
    if (!batch.empty()) co_return batch;
    // An ICMP error about an earlier answer (ECONNREFUSED) is reported here; it concerns nobody.
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) co_await descriptor_->readable();
    co_await check_cancelled();
  }
}

std::size_t UdpSocket::send(std::span<const Datagram> datagrams) {
  std::array<iovec, kMaxBatch> parts{};
  std::array<mmsghdr, kMaxBatch> messages{};
  std::size_t sent_total = 0;
  while (!datagrams.empty()) {
    std::size_t count = std::min(datagrams.size(), kMaxBatch);
    for (std::size_t i = 0; i < count; ++i) {
      const Datagram& one = datagrams[i];
      parts[i] = {const_cast<char*>(one.data.data()), one.data.size()};
      messages[i] = {};
      messages[i].msg_hdr.msg_iov = &parts[i];
      messages[i].msg_hdr.msg_iovlen = 1;
      messages[i].msg_hdr.msg_name = const_cast<sockaddr_storage*>(&one.address);
      messages[i].msg_hdr.msg_namelen = one.address_length;
    }
    int sent =
        ::sendmmsg(descriptor_->fd(), messages.data(), static_cast<unsigned>(count), MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)) break;
    if (sent > 0) sent_total += static_cast<std::size_t>(sent);
    // A datagram that cannot be sent (bad address, too long) is skipped; the others go on.
    datagrams = datagrams.subspan(sent > 0 ? static_cast<std::size_t>(sent) : 1);
  }
  return sent_total;
}

}  // namespace net
