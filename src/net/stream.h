// A byte stream over TCP, plain or TLS. Belongs to one loop. Reading is split into waiting and
// taking, so that an idle connection holds no buffer; one task may read while another writes.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/task.h"
#include "net/socket.h"
#include "net/tls.h"

namespace net {

class Stream {
 public:
  virtual ~Stream() = default;

  // What try_read() found: bytes, nothing yet, or the end.
  struct Read {
    std::size_t bytes = 0;
    bool ended = false;  // the peer closed, or the connection broke
  };
  virtual Read try_read(std::span<char> into) = 0;
  // Suspends until try_read() may find something. Throws Error(ServiceUnavailable) when closed.
  virtual Task<> readable() = 0;
  // Writes all of `bytes`; suspends while the peer does not take them. The bytes must stay valid.
  // One writer at a time. Throws Error(ServiceUnavailable) if the connection breaks, Error(Timeout)
  // if the peer takes nothing for a minute.
  virtual Task<> write(std::string_view bytes) = 0;
  virtual void close() = 0;  // at once; waiting tasks end with an error

  // The facts of the TLS handshake; empty for plain streams.
  struct TlsFacts {
    bool tls = false;
    std::string alpn;
    std::string server_name;
    std::string peer_certificate_der;       // verified
    bool peer_certificate_invalid = false;  // one was sent and did not verify
  };
  virtual const TlsFacts& tls() const = 0;
  virtual IoLoop& loop() const = 0;
};

std::unique_ptr<Stream> plain_stream(std::unique_ptr<Descriptor> descriptor);

// Does the handshake; throws Error(ServiceUnavailable) with the reason if it fails.
Task<std::unique_ptr<Stream>> tls_stream(std::unique_ptr<Descriptor> descriptor,
                                         std::shared_ptr<const TlsContext> context);

}  // namespace net
