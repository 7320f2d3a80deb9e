// What a server is called by its clients: the URL that objects and kubeconfigs carry, and the hosts
// that its certificate is good for. Pure. Source: reference kcp-tenancy.md 5.3, 7.2.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cmd {

// As the operator gives them; several servers of one store are given the same.
struct Addresses {
  std::string external_url;             // "https://kcp.example:6443"; "" = where it listens
  std::vector<std::string> more_hosts;  // DNS names and IP addresses for the certificate
};

// BadRequest with the flag that is wrong. `more_hosts` has commas between.
Result<Addresses> parse_addresses(std::string_view external_url, std::string_view more_hosts);

// What is put before paths like /clusters/root.
std::string url_of(const Addresses& addresses, const std::string& bind_address, std::uint16_t port);

// All hosts for the certificate, without repetitions.
std::vector<std::string> hosts_of(const Addresses& addresses, const std::string& bind_address);

bool is_ip_address(const std::string& text);

}  // namespace cmd
