#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "base/check.h"
#include "base/error.h"
#include "net/tls_parts.h"

namespace net {
namespace {

std::string last_error() {
  char text[256] = "unknown error";
  if (unsigned long code = ERR_get_error()) ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return text;
}

using BioPtr = std::unique_ptr<BIO, decltype([](BIO* bio) { BIO_free(bio); })>;

BioPtr read_only(std::string_view text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::vector<X509Ptr> parse_certificates(std::string_view pem) {
  std::vector<X509Ptr> all;
  BioPtr bio = read_only(pem);
  while (X509* one = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) all.emplace_back(one);
  ERR_clear_error();
  return all;
}

std::string alpn_wire_form(const std::vector<std::string>& names) {
  std::string wire;
  for (const std::string& name : names) {
    wire += static_cast<char>(name.size());
    wire += name;
  }
  return wire;
}

int choose_alpn(SSL*, const unsigned char** out, unsigned char* out_length, const unsigned char* in,
                unsigned in_length, void* argument) {
  const auto& own = static_cast<const TlsContext*>(argument)->alpn_wire();
  int chosen = SSL_select_next_proto(const_cast<unsigned char**>(out), out_length,
                                     reinterpret_cast<const unsigned char*>(own.data()),
                                     static_cast<unsigned>(own.size()), in, in_length);
  return chosen == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

// Runs early in each handshake: gives the connection the certificate for its SNI.
int choose_identity(SSL* ssl, void* argument) {
  const auto* context = static_cast<const TlsContext*>(argument);
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  auto identity = context->server_options().identity(name ? name : "");
  if (!identity) return 0;
  const auto& parts = identity->parts();
  if (SSL_use_certificate(ssl, parts.chain.front().get()) != 1) return 0;
  if (SSL_use_PrivateKey(ssl, parts.key.get()) != 1) return 0;
  for (std::size_t i = 1; i < parts.chain.size(); ++i) {
    if (SSL_add1_chain_cert(ssl, parts.chain[i].get()) != 1) return 0;
  }
  return 1;
}

void trust(SSL_CTX* context, std::string_view ca_pem, bool send_names) {
  for (auto& certificate : parse_certificates(ca_pem)) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate.get());
    if (send_names) SSL_CTX_add_client_CA(context, certificate.get());
  }
  ERR_clear_error();
}

// Answers are longer than questions: a client takes two records in one system call. Not more than
// what the allocator keeps at hand, because the buffer is released whenever it is empty.
constexpr std::size_t kClientReadBytes = 32 * 1024;

// The order of Go's servers: with 128 bits a quarter less time goes into encryption than with the
// 256 that OpenSSL's clients ask for first. Who wants ChaCha20 most, for want of AES, gets it.
void choose_ciphers(SSL_CTX* context) {
  CHECK(SSL_CTX_set_ciphersuites(context,
                                 "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
                                 "TLS_CHACHA20_POLY1305_SHA256") == 1);
  SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
}

void apply_common_settings(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_options(
      context, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_read_ahead(context, 1);
}

}  // namespace

TlsIdentity::TlsIdentity(std::string_view certificate_chain_pem, std::string_view key_pem)
    : parts_(std::make_unique<Parts>()) {
  parts_->chain = parse_certificates(certificate_chain_pem);
  if (parts_->chain.empty()) throw Error::bad_request("the certificate is not PEM");
  BioPtr bio = read_only(key_pem);
  parts_->key.reset(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  if (!parts_->key) throw Error::bad_request("the private key is not PEM: " + last_error());
  if (X509_check_private_key(parts_->chain.front().get(), parts_->key.get()) != 1) {
    ERR_clear_error();
    throw Error::bad_request("the certificate and the private key do not belong together");
  }
}

TlsIdentity::~TlsIdentity() = default;

std::shared_ptr<const TlsContext> TlsContext::server(TlsServerOptions options) {
  std::shared_ptr<TlsContext> context(new TlsContext());
  context->server_ = true;
  context->context_ = SSL_CTX_new(TLS_server_method());
  CHECK(context->context_ != nullptr);
  SSL_CTX* raw = context->context_;
  apply_common_settings(raw);
  choose_ciphers(raw);
  SSL_CTX_set_num_tickets(raw, 1);
  context->alpn_wire_ = alpn_wire_form(options.alpn);
  SSL_CTX_set_alpn_select_cb(raw, choose_alpn, context.get());
  SSL_CTX_set_cert_cb(raw, choose_identity, context.get());
  if (!options.client_ca_pem.empty()) {
    trust(raw, options.client_ca_pem, true);
    // A certificate that does not verify does not end the handshake: the request is answered 401.
    SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, [](int, X509_STORE_CTX*) { return 1; });
    constexpr unsigned char kSessionContext[] = "kcp";
    SSL_CTX_set_session_id_context(raw, kSessionContext, sizeof kSessionContext);
  }
  context->server_options_ = std::move(options);
  return context;
}

std::shared_ptr<const TlsContext> TlsContext::client(TlsClientOptions options) {
  std::shared_ptr<TlsContext> context(new TlsContext());
  context->context_ = SSL_CTX_new(TLS_client_method());
  CHECK(context->context_ != nullptr);
  SSL_CTX* raw = context->context_;
  apply_common_settings(raw);
  SSL_CTX_set_default_read_buffer_len(raw, kClientReadBytes);
  context->alpn_wire_ = alpn_wire_form(options.alpn);
  SSL_CTX_set_alpn_protos(raw, reinterpret_cast<const unsigned char*>(context->alpn_wire_.data()),
                          static_cast<unsigned>(context->alpn_wire_.size()));
  if (!options.insecure) {
    trust(raw, options.ca_pem, false);
    SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, nullptr);
  }
  if (options.identity) {
    const auto& parts = options.identity->parts();
    SSL_CTX_use_certificate(raw, parts.chain.front().get());
    SSL_CTX_use_PrivateKey(raw, parts.key.get());
    for (std::size_t i = 1; i < parts.chain.size(); ++i) {
      SSL_CTX_add1_chain_cert(raw, parts.chain[i].get());
    }
  }
  context->client_options_ = std::move(options);
  return context;
}

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

}  // namespace net
