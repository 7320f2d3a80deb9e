// What an authoritative server answers: zones as immutable tables, and the rules from a question to
// a response. Pure: no I/O, clock or thread. Source: reference glbc.md 4.2; RFC 1034 4.3.2, RFC
// 2308, RFC 8482.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "dnswire/message.h"

namespace gslb {

// A name with its addresses. Those that are not healthy are left out of answers unless none of
// their kind (A, AAAA) is healthy. A name without addresses exists: it answers NODATA.
struct Target {
  std::string address;  // IPv4 or IPv6
  bool healthy = true;
  friend bool operator==(const Target&, const Target&) = default;
};
struct HostRecord {
  std::string name;  // "abc.glbc.test"
  std::uint32_t ttl = 60;
  std::vector<Target> targets;
  friend bool operator==(const HostRecord&, const HostRecord&) = default;
};

struct ZoneOptions {
  std::string origin;                         // "glbc.test"
  std::vector<std::string> name_servers;      // "ns1.glbc.test"; the first is the primary
  std::vector<std::string> server_addresses;  // of ns1 and so on, where they are in the zone
  std::uint32_t ttl = 60;                     // of SOA and NS
  std::uint32_t negative_ttl = 5;             // of NXDOMAIN and NODATA
};

class Zone {
 public:
  // BadRequest if a name or address is malformed, or a record is outside of the zone.
  static Result<std::shared_ptr<const Zone>> make(const ZoneOptions& options, std::uint32_t serial,
                                                  const std::vector<HostRecord>& hosts);

  const std::string& origin() const { return origin_; }  // wire form, lower case
  // The answer to a question within this zone. `turn` rotates the order of addresses.
  dnswire::Response answer(const dnswire::Question& question, std::size_t turn) const;

 private:
  struct Set {
    std::uint32_t ttl = 0;
    std::vector<std::string> rdata;
  };
  using Node = std::map<dnswire::Type, Set>;

  Result<void> add_host(const HostRecord& host);
  void add_ancestors(std::string_view name);
  dnswire::Record soa(std::uint32_t ttl) const;

  std::string origin_;
  std::uint32_t negative_ttl_ = 5;
  std::map<std::string, Node, std::less<>> nodes_;  // by name in wire form, lower case
};

// All zones of a server.
class Zones {
 public:
  explicit Zones(std::vector<std::shared_ptr<const Zone>> zones);
  // REFUSED outside of the zones; NOTIMP, BADVERS and FORMERR as the query deserves.
  dnswire::Response answer(const dnswire::ParsedQuery& query, std::size_t turn) const;

 private:
  std::vector<std::shared_ptr<const Zone>> zones_;
};

}  // namespace gslb
