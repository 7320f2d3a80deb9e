// IngressProxy: the reverse proxy of a stand-in cluster. It serves the hosts and paths of the
// cluster's Ingresses on one address, plain and TLS, from tables that its owner replaces whole.
// A replacement disturbs no request under way; a backend that does not answer is passed over for
// another one, of the newest table, as long as the request can be repeated.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/task.h"
#include "net/loop.h"
#include "net/socket.h"
#include "net/tls.h"

namespace cluster {

enum class PathType { Exact, Prefix };  // ImplementationSpecific is Prefix

struct Route {
  std::string path = "/";
  PathType type = PathType::Prefix;
  std::vector<net::Endpoint> backends;  // none: 503
};

// What is served. Immutable once it is given to the proxy. Hosts are in lower case; "" is the
// default for hosts that are not listed, "*.example.org" covers one more label (networking/v1).
struct RouteTable {
  std::map<std::string, std::vector<Route>, std::less<>> hosts;
};

// The route for a request, by networking/v1: the exact host before the wildcard before the default;
// within a host an exact path before the longest prefix, which matches whole path elements. Null if
// none does. `host` may carry a port. The result lives in `table`.
const Route* find_route(const RouteTable& table, std::string_view host, std::string_view path);

// Host (lower case, wildcards as above) to its certificate and key.
using CertificateTable = std::map<std::string, net::TlsIdentityPtr, std::less<>>;

// The identity for an SNI: the exact host before the wildcard; null if neither is there.
net::TlsIdentityPtr find_certificate(const CertificateTable& table, std::string_view server_name);

struct IngressOptions {
  std::string address = "127.0.0.1";
  std::uint16_t http_port = 8080;  // 0: any free port
  std::uint16_t https_port = 8443;
  net::TlsIdentityPtr default_identity;  // shown when no certificate covers the SNI; null: refuse
  Duration connect_timeout = 2s;         // per backend
  Duration grace = 10s;                  // for requests in flight when stopping
};

class IngressProxy {
 public:
  // Binds both ports at once: throws Error(ServiceUnavailable), one line, if one is taken.
  IngressProxy(net::IoLoop& home, net::LoopPool& pool, IngressOptions options);
  ~IngressProxy();
  IngressProxy(const IngressProxy&) = delete;
  IngressProxy& operator=(const IngressProxy&) = delete;

  // Serves until cancelled, then lets requests in flight end. On the home loop.
  Task<> run();

  // Take effect for the next request and the next handshake. Any thread.
  void set_routes(std::shared_ptr<const RouteTable> routes);
  void set_certificates(std::shared_ptr<const CertificateTable> certificates);

  std::uint16_t http_port() const;
  std::uint16_t https_port() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cluster
