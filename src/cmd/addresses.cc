#include "cmd/addresses.h"

#include <arpa/inet.h>

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "http/client.h"
#include "net/socket.h"
#include "object/names.h"

namespace cmd {
namespace {

constexpr std::uint16_t kHttpsPort = 443;
constexpr const char* kUrlFlag = "shard-external-url";
constexpr const char* kHostsFlag = "tls-san";

bool is_any_address(const std::string& address) { return address == "0.0.0.0" || address == "::"; }

std::unexpected<Error> wrong(const char* flag, std::string_view text, std::string_view want) {
  return std::unexpected(Error::bad_request("--" + std::string(flag) + " must be " +
                                            std::string(want) + ", not " + quote(text)));
}

bool is_host(const std::string& host) {
  std::string_view name = host;
  if (name.starts_with("*.")) name.remove_prefix(2);
  return is_ip_address(host) || object::check_dns1123_subdomain(name).empty();
}

// "https://host", with the port unless it is the usual one.
Result<std::string> parse_external_url(std::string_view text) {
  constexpr const char* kWant = "like https://kcp.example:6443, without a path";
  http::Url url;
  try {
    url = http::parse_url(text);
  } catch (const Error&) {
    return wrong(kUrlFlag, text, kWant);
  }
  bool good = url.tls && url.path.empty() && is_host(url.host) && !url.host.starts_with('*');
  if (!good) return wrong(kUrlFlag, text, kWant);
  std::string authority = net::Endpoint{url.host, url.port}.text();
  if (url.port == kHttpsPort) authority.resize(authority.rfind(':'));
  return "https://" + authority;
}

}  // namespace

bool is_ip_address(const std::string& text) {
  unsigned char place[sizeof(in6_addr)];
  return ::inet_pton(AF_INET, text.c_str(), place) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), place) == 1;
}

Result<Addresses> parse_addresses(std::string_view external_url, std::string_view more_hosts) {
  Addresses addresses;
  if (!external_url.empty()) {
    auto url = parse_external_url(external_url);
    if (!url) return std::unexpected(url.error());
    addresses.external_url = *url;
  }
  for (std::string_view part : split(more_hosts, ',')) {
    std::string host(trim(part));
    if (host.empty()) continue;
    if (!is_host(host)) {
      return wrong(kHostsFlag, host,
                   "DNS names in lower case and IP addresses with commas between");
    }
    addresses.more_hosts.push_back(std::move(host));
  }
  return addresses;
}

std::string url_of(const Addresses& addresses, const std::string& bind_address,
                   std::uint16_t port) {
  if (!addresses.external_url.empty()) return addresses.external_url;
  std::string host = is_any_address(bind_address) ? "127.0.0.1" : bind_address;
  return "https://" + net::Endpoint{host, port}.text();
}

std::vector<std::string> hosts_of(const Addresses& addresses, const std::string& bind_address) {
  std::vector<std::string> hosts{"localhost", "127.0.0.1"};
  auto add = [&hosts](const std::string& host) {
    if (std::ranges::find(hosts, host) == hosts.end()) hosts.push_back(host);
  };
  if (!is_any_address(bind_address)) add(bind_address);
  if (!addresses.external_url.empty()) add(http::parse_url(addresses.external_url).host);
  for (const std::string& host : addresses.more_hosts) add(host);
  return hosts;
}

}  // namespace cmd
