// Which addresses an Ingress has, which of them are published, and how they stand in its DNSRecord.
// Pure, thread-safe. Source: reference glbc.md 1.11, 1.15, 7.3.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "gslb/zone.h"
#include "json/value.h"

namespace glbc {

inline constexpr std::int64_t kMaxTtl = 86'400;  // seconds

// An address of a load balancer, and the SyncTarget whose cluster reported it.
struct Address {
  std::string ip;   // canonical text
  std::string key;  // of the SyncTarget
  friend auto operator<=>(const Address&, const Address&) = default;
};

// What the clusters of an Ingress reported. An address that several clusters share belongs to one
// that is not leaving, if there is one. Bounded: what an Ingress says is the tenant's to write.
struct Candidates {
  std::vector<Address> addresses;       // sorted
  std::vector<std::string> hostnames;   // sorted; they are not resolved
  std::set<std::string> leaving, here;  // keys
};
Candidates candidates_of(const json::Value& ingress);

// A DNSRecord's side.
std::vector<Address> published_in(const json::Value& record);
// Whether the DNS server answers what the record says now.
bool is_observed(const json::Value& record);
// What the prober noted last about `ip`; nothing if there is no verdict yet.
std::optional<bool> find_verdict(const json::Value& record, std::string_view ip);
std::int64_t max_ttl_of(const json::Value& record);  // ever handed out, seconds; 0 = none

// What is to be published, given what is (in `record`). An address begins to be published when it
// has answered (`probing`; at once without). Addresses that have gone, and those of clusters that
// are being left, stay until one that remains is published, healthy and known to be answered: what
// was published is never withdrawn without a replacement.
std::vector<Address> choose(const Candidates& candidates, const json::Value& record, bool probing);

// spec.endpoints, sorted.
json::Value endpoints_for(const std::string& host, std::int64_t ttl,
                          const std::vector<Address>& addresses);

// What a record means for the DNS server; a host without addresses exists all the same. An error if
// its endpoints are malformed.
Result<std::vector<gslb::HostRecord>> hosts_in(const json::Value& record, bool probing,
                                               std::uint32_t default_ttl);

}  // namespace glbc
