// What the managed host does to an Ingress: rules and TLS entries. Pure, thread-safe. Source:
// reference glbc.md 1.8, 2.
#pragma once

#include <string>
#include <string_view>

#include "json/value.h"

namespace glbc {

// Gives every rule the managed host. Other hosts of rules go, with their TLS entries, and are noted
// in kReplacedHosts; so do TLS hosts within the managed domain that are not this Ingress's own:
// whoever names such a host would take part in somebody else's traffic. Other TLS hosts stay.
void apply_host(json::Value& ingress, const std::string& host, std::string_view domain);

// Makes one TLS entry with `secret` for the managed host; other entries lose that host only.
void apply_tls(json::Value& ingress, const std::string& host, const std::string& secret);

// "<label>.<domain>" may be a name at all; throws Error(BadRequest) that names the domain.
void check_domain(std::string_view domain);

}  // namespace glbc
