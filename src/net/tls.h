// TLS settings for servers and clients, over OpenSSL. Contexts are immutable once made and shared
// by connections of all loops. TLS 1.2 and 1.3; measured settings: see docs/adr/0003-http.md.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct ssl_ctx_st;

namespace net {

// A certificate chain with its key, parsed and checked to belong together.
class TlsIdentity {
 public:
  // Throws Error(BadRequest) if either is malformed or they do not match.
  TlsIdentity(std::string_view certificate_chain_pem, std::string_view key_pem);
  ~TlsIdentity();
  TlsIdentity(const TlsIdentity&) = delete;
  TlsIdentity& operator=(const TlsIdentity&) = delete;
  struct Parts;
  const Parts& parts() const { return *parts_; }

 private:
  std::unique_ptr<Parts> parts_;
};
using TlsIdentityPtr = std::shared_ptr<const TlsIdentity>;

struct TlsServerOptions {
  // Picks the identity for a connection by its SNI ("" if none); null refuses the handshake. Called
  // on connection loops, so it must be thread-safe. This is how certificates change without a
  // restart.
  std::function<TlsIdentityPtr(std::string_view server_name)> identity;
  // If set, clients are asked for (not forced to have) a certificate that these CAs signed.
  std::string client_ca_pem;
  std::vector<std::string> alpn = {"h2", "http/1.1"};
};

struct TlsClientOptions {
  std::string ca_pem;       // trusted roots; "" = trust nothing unless `insecure`
  bool insecure = false;    // accept any server certificate
  std::string server_name;  // SNI and the name that must match; an IP address is matched as such
  TlsIdentityPtr identity;  // client certificate; null = none
  std::vector<std::string> alpn = {"h2", "http/1.1"};
};

class TlsContext {
 public:
  static std::shared_ptr<const TlsContext> server(TlsServerOptions options);
  static std::shared_ptr<const TlsContext> client(TlsClientOptions options);
  ~TlsContext();

  ssl_ctx_st* get() const { return context_; }
  bool is_server() const { return server_; }
  const std::string& server_name() const { return client_options_.server_name; }

  // For OpenSSL's callbacks.
  const TlsServerOptions& server_options() const { return server_options_; }
  const std::string& alpn_wire() const { return alpn_wire_; }

 private:
  TlsContext() = default;
  ssl_ctx_st* context_ = nullptr;
  bool server_ = false;
  TlsServerOptions server_options_;
  TlsClientOptions client_options_;
  std::string alpn_wire_;
};

}  // namespace net
