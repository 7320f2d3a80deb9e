#include <algorithm>

#include "base/strings.h"
#include "cluster/ingress_proxy.h"

namespace cluster {
namespace {

std::string host_name(std::string_view host) {
  if (host.starts_with('[')) {
    host = host.substr(0, host.find(']') + 1);
  } else {
    host = host.substr(0, host.find(':'));
  }
  if (host.ends_with('.')) host.remove_suffix(1);
  return lower(host);
}

bool covers(const Route& route, std::string_view path) {
  if (route.type == PathType::Exact) return path == route.path;
  std::string_view prefix = route.path;
  while (prefix.ends_with('/')) prefix.remove_suffix(1);
  return path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/');
}

// Exact wins over any prefix, then the longer path.
bool better(const Route& left, const Route& right) {
  if (left.type != right.type) return left.type == PathType::Exact;
  return left.path.size() > right.path.size();
}

const Route* best_of(const RouteTable& table, std::string_view host, std::string_view path) {
  auto entry = table.hosts.find(host);
  if (entry == table.hosts.end()) return nullptr;
  const Route* best = nullptr;
  for (const Route& route : entry->second) {
    if (covers(route, path) && (!best || better(route, *best))) best = &route;
  }
  return best;
}

std::string wildcard_of(std::string_view host) {
  std::size_t dot = host.find('.');
  return dot == std::string_view::npos ? std::string() : "*" + std::string(host.substr(dot));
}

}  // namespace

const Route* find_route(const RouteTable& table, std::string_view host, std::string_view path) {
  std::string name = host_name(host);
  if (const Route* route = best_of(table, name, path)) return route;
  std::string wildcard = wildcard_of(name);
  if (!wildcard.empty()) {
    if (const Route* route = best_of(table, wildcard, path)) return route;
  }
  return best_of(table, "", path);
}

net::TlsIdentityPtr find_certificate(const CertificateTable& table, std::string_view server_name) {
  std::string name = host_name(server_name);
  auto entry = table.find(name);
  if (entry == table.end()) entry = table.find(wildcard_of(name));
  return entry == table.end() ? nullptr : entry->second;
}

}  // namespace cluster
