#include "net/stream.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/child_task.h"
#include "base/error.h"
#include "net/address.h"
#include "net/tls_parts.h"

namespace net {
namespace {

Error broken(std::string why) {
  return {Reason::ServiceUnavailable, "the connection broke: " + std::move(why)};
}

// How many bytes become records before they are sent.
constexpr std::size_t kSealedAtOnce = 64 * 1024;

// A peer that takes nothing for this long is given up.
constexpr Duration kStallLimit = 60s;

Task<> taken(Descriptor& descriptor) {
  return with_deadline(descriptor.writable(), kStallLimit, "the peer takes no more");
}

class PlainStream final : public Stream {
 public:
  explicit PlainStream(std::unique_ptr<Descriptor> descriptor)
      : descriptor_(std::move(descriptor)) {}

  Read try_read(std::span<char> into) override {
    ssize_t got = ::recv(descriptor_->fd(), into.data(), into.size(), 0);
    if (got > 0) return {static_cast<std::size_t>(got), false};
    bool nothing_yet = got < 0 && (errno == EAGAIN || errno == EINTR);
    return {0, !nothing_yet};
  }

  Task<> readable() override { return descriptor_->readable(); }

  Task<> write(std::string_view bytes) override {
    while (!bytes.empty()) {
      ssize_t sent = ::send(descriptor_->fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent > 0) {
        bytes.remove_prefix(static_cast<std::size_t>(sent));
      } else if (errno == EAGAIN) {
        co_await taken(*descriptor_);
      } else if (errno != EINTR) {
        throw broken(errno_text(errno));
      }
    }
  }

  void close() override { descriptor_->close(); }
  const TlsFacts& tls() const override { return facts_; }
  IoLoop& loop() const override { return descriptor_->loop(); }

 private:
  std::unique_ptr<Descriptor> descriptor_;
  TlsFacts facts_;
};

class TlsStream final : public Stream {
 public:
  TlsStream(std::unique_ptr<Descriptor> descriptor, std::shared_ptr<const TlsContext> context)
      : descriptor_(std::move(descriptor)), context_(std::move(context)) {
    ssl_.reset(SSL_new(context_->get()));
    CHECK(ssl_ != nullptr);
    SSL_set0_rbio(ssl_.get(), BIO_new_socket(descriptor_->fd(), BIO_NOCLOSE));
    BIO* out = BIO_new(outgoing_method());
    CHECK(out != nullptr);
    BIO_set_data(out, this);
    SSL_set0_wbio(ssl_.get(), out);
    if (context_->is_server()) {
      SSL_set_accept_state(ssl_.get());
    } else {
      SSL_set_connect_state(ssl_.get());
      expect_name(context_->server_name());
    }
  }

  Task<> handshake() {
    while (true) {
      ERR_clear_error();
      int outcome = SSL_do_handshake(ssl_.get());
      if (outcome == 1) break;
      switch (SSL_get_error(ssl_.get(), outcome)) {
        case SSL_ERROR_WANT_READ: co_await descriptor_->readable(); break;
        case SSL_ERROR_WANT_WRITE: co_await descriptor_->writable(); break;
        default: throw Error(Reason::ServiceUnavailable, "TLS handshake failed: " + why());
      }
    }
    collect_facts();
  }

  Read try_read(std::span<char> into) override {
    ERR_clear_error();
    int got = SSL_read(ssl_.get(), into.data(), static_cast<int>(into.size()));
    drained_ = got <= 0;
    if (got > 0) return {static_cast<std::size_t>(got), false};
    int error = SSL_get_error(ssl_.get(), got);
    return {0, error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE};
  }

  Task<> readable() override {
    // OpenSSL reads ahead: whole records may wait in its buffer while the socket is silent.
    if (!drained_ && SSL_has_pending(ssl_.get())) return ready();
    return descriptor_->readable();
  }

  Task<> write(std::string_view bytes) override {
    while (!bytes.empty()) {
      std::size_t count = std::min(bytes.size(), kSealedAtOnce);
      seal_and_send(bytes.substr(0, count));
      bytes.remove_prefix(count);
      while (!unsent_.empty()) {
        co_await taken(*descriptor_);
        unsent_.erase(0, send_some(unsent_));
      }
    }
  }

  void close() override {
    ERR_clear_error();
    if (SSL_is_init_finished(ssl_.get())) SSL_shutdown(ssl_.get());
    descriptor_->close();
  }

  const TlsFacts& tls() const override { return facts_; }
  IoLoop& loop() const override { return descriptor_->loop(); }

 private:
  static Task<> ready() { co_return; }

  // Where OpenSSL's records go: to the socket at once, or, while write() seals, into its buffer.
  static int take_record(BIO* bio, const char* data, int size) {
    auto& self = *static_cast<TlsStream*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    if (self.sealed_) {
      self.sealed_->append(data, static_cast<std::size_t>(size));
      return size;
    }
    ssize_t sent = -1;
    errno = EAGAIN;  // nothing may overtake what is not sent yet
    if (self.unsent_.empty()) {
      sent = ::send(self.descriptor_->fd(), data, static_cast<std::size_t>(size), MSG_NOSIGNAL);
    }
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
    return static_cast<int>(sent);
  }

  static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  static const BIO_METHOD* outgoing_method() {
    static const BIO_METHOD* const method = [] {
      BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
      CHECK(made != nullptr);
      BIO_meth_set_write(made, take_record);
      BIO_meth_set_ctrl(made, control);
      BIO_meth_set_create(made, [](BIO* bio) {
        BIO_set_init(bio, 1);
        return 1;
      });
      return made;
    }();
    return method;
  }

  // All records in one system call. What the socket does not take is kept in unsent_. Not inlined:
  // write()'s frame would keep room for what is.
  [[gnu::noinline]] void seal_and_send(std::string_view bytes) {
    std::string& sealed = descriptor_->loop().outbox();
    sealed.clear();
    ERR_clear_error();
    sealed_ = &sealed;
    int taken = SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
    sealed_ = nullptr;
    if (taken != static_cast<int>(bytes.size())) throw broken(why());
    unsent_.assign(sealed, send_some(sealed));
  }

  // How much the socket took.
  std::size_t send_some(std::string_view bytes) {
    ssize_t sent = ::send(descriptor_->fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) return static_cast<std::size_t>(sent);
    if (errno != EAGAIN && errno != EINTR) throw broken(errno_text(errno));
    return 0;
  }

  static std::string why() {
    unsigned long code = ERR_peek_error();
    const char* reason = code ? ERR_reason_error_string(code) : nullptr;
    return reason ? reason : "closed by the peer";
  }

  void expect_name(const std::string& name) {
    unsigned char ip[16];
    bool is_ip =
        ::inet_pton(AF_INET, name.c_str(), ip) == 1 || ::inet_pton(AF_INET6, name.c_str(), ip) == 1;
    if (is_ip) {
      X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), name.c_str());
    } else if (!name.empty()) {
      SSL_set_tlsext_host_name(ssl_.get(), name.c_str());
      SSL_set1_host(ssl_.get(), name.c_str());
    }
  }

  void collect_facts() {
    facts_.tls = true;
    const unsigned char* alpn = nullptr;
    unsigned alpn_length = 0;
    SSL_get0_alpn_selected(ssl_.get(), &alpn, &alpn_length);
    if (alpn) facts_.alpn.assign(reinterpret_cast<const char*>(alpn), alpn_length);
    const char* name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name);
    if (name) facts_.server_name = name;
    X509Ptr peer(SSL_get1_peer_certificate(ssl_.get()));
    if (!peer) return;
    if (SSL_get_verify_result(ssl_.get()) != X509_V_OK) {
      facts_.peer_certificate_invalid = true;
      return;
    }
    unsigned char* der = nullptr;
    int length = i2d_X509(peer.get(), &der);
    if (length > 0)
      facts_.peer_certificate_der.assign(reinterpret_cast<char*>(der),
                                         static_cast<std::size_t>(length));
    OPENSSL_free(der);
  }

  std::unique_ptr<Descriptor> descriptor_;
  std::shared_ptr<const TlsContext> context_;
  std::unique_ptr<SSL, decltype([](SSL* ssl) { SSL_free(ssl); })> ssl_;
  TlsFacts facts_;
  std::string* sealed_ = nullptr;  // while write() seals
  std::string unsent_;             // records that the socket did not take yet
  bool drained_ = false;  // the last read found nothing; the handshake may have read too much
};

}  // namespace

std::unique_ptr<Stream> plain_stream(std::unique_ptr<Descriptor> descriptor) {
  return std::make_unique<PlainStream>(std::move(descriptor));
}

Task<std::unique_ptr<Stream>> tls_stream(std::unique_ptr<Descriptor> descriptor,
                                         std::shared_ptr<const TlsContext> context) {
  auto stream = std::make_unique<TlsStream>(std::move(descriptor), std::move(context));
  co_await stream->handshake();
  co_return stream;
}

}  // namespace net
