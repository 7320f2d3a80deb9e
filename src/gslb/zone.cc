#include "gslb/zone.h"

#include <algorithm>

#include "dnswire/name.h"

namespace gslb {
namespace {

using dnswire::Rcode;
using dnswire::Record;
using dnswire::Response;
using dnswire::Type;

Type type_of_address(const std::string& rdata) { return rdata.size() == 4 ? Type::A : Type::AAAA; }

bool is_six(const Target& target) { return target.address.contains(':'); }

// The targets to answer with: the healthy ones of each kind, or all of a kind if none is.
std::vector<std::string> live_addresses(const std::vector<Target>& targets) {
  std::vector<std::string> addresses;
  for (const Target& target : targets) {
    bool other = std::ranges::any_of(
        targets, [&](const Target& one) { return one.healthy && is_six(one) == is_six(target); });
    if (target.healthy || !other) addresses.push_back(target.address);
  }
  return addresses;
}

}  // namespace

Result<std::shared_ptr<const Zone>> Zone::make(const ZoneOptions& options, std::uint32_t serial,
                                               const std::vector<HostRecord>& hosts) {
  auto zone = std::make_shared<Zone>();
  auto origin = dnswire::parse_name(options.origin);
  if (!origin) return std::unexpected(origin.error());
  zone->origin_ = dnswire::lower_name(*origin);
  zone->negative_ttl_ = options.negative_ttl;
  Node& apex = zone->nodes_[zone->origin_];
  for (std::size_t i = 0; i < options.name_servers.size(); ++i) {
    auto server = dnswire::parse_name(options.name_servers[i]);
    if (!server) return std::unexpected(server.error());
    apex[Type::NS].ttl = options.ttl;
    apex[Type::NS].rdata.push_back(*server);
    std::string name = dnswire::lower_name(*server);
    bool inside = dnswire::is_within(name, zone->origin_) && i < options.server_addresses.size();
    if (!inside) continue;
    HostRecord glue{options.name_servers[i], options.ttl, {{options.server_addresses[i], true}}};
    if (auto added = zone->add_host(glue); !added) return std::unexpected(added.error());
  }
  dnswire::Soa soa;
  soa.primary = apex[Type::NS].rdata.empty() ? zone->origin_ : apex[Type::NS].rdata.front();
  soa.mailbox = std::string("\x0ahostmaster", 11) + zone->origin_;
  soa.serial = serial;
  soa.minimum = options.negative_ttl;
  apex[Type::SOA] = {options.ttl, {dnswire::soa_rdata(soa)}};
  for (const HostRecord& host : hosts) {
    if (auto added = zone->add_host(host); !added) return std::unexpected(added.error());
  }
  return zone;
}

Result<void> Zone::add_host(const HostRecord& host) {
  auto wire = dnswire::parse_name(host.name);
  if (!wire) return std::unexpected(wire.error());
  std::string name = dnswire::lower_name(*wire);
  if (!dnswire::is_within(name, origin_)) {
    return std::unexpected(Error::bad_request(host.name + " is outside of the zone"));
  }
  Node& node = nodes_[name];
  for (const std::string& address : live_addresses(host.targets)) {
    auto rdata = dnswire::address_rdata(address);
    if (!rdata) return std::unexpected(Error::bad_request("not an IP address: " + address));
    Set& set = node[type_of_address(*rdata)];
    set.ttl = host.ttl;
    if (std::ranges::find(set.rdata, *rdata) == set.rdata.end()) set.rdata.push_back(*rdata);
  }
  add_ancestors(name);
  return {};
}

// Names between a host and the apex exist, without records: they answer NODATA.
void Zone::add_ancestors(std::string_view name) {
  for (auto at = dnswire::parent_of(name); at.size() > origin_.size();
       at = dnswire::parent_of(at)) {
    nodes_.try_emplace(std::string(at));
  }
}

dnswire::Record Zone::soa(std::uint32_t ttl) const {
  return {origin_, Type::SOA, ttl, nodes_.find(origin_)->second.find(Type::SOA)->second.rdata[0]};
}

Response Zone::answer(const dnswire::Question& question, std::size_t turn) const {
  Response response;
  response.authoritative = true;
  auto node = nodes_.find(dnswire::lower_name(question.name));
  if (node == nodes_.end()) {
    response.rcode = Rcode::NxDomain;
    response.authority.push_back(soa(negative_ttl_));
    return response;
  }
  const Node& sets = node->second;
  // ANY gets one set, whichever: enough for those who still ask.
  auto set = question.type == Type::ANY ? sets.begin() : sets.find(question.type);
  if (set == sets.end()) {
    response.authority.push_back(soa(negative_ttl_));
    return response;
  }
  const auto& rdata = set->second.rdata;
  for (std::size_t i = 0; i < rdata.size(); ++i) {
    response.answer.push_back(
        {question.name, set->first, set->second.ttl, rdata[(i + turn) % rdata.size()]});
  }
  return response;
}

Zones::Zones(std::vector<std::shared_ptr<const Zone>> zones) : zones_(std::move(zones)) {
  // The longest origin that contains a name is its zone.
  std::ranges::sort(
      zones_, [](const auto& a, const auto& b) { return a->origin().size() > b->origin().size(); });
}

Response Zones::answer(const dnswire::ParsedQuery& parsed, std::size_t turn) const {
  Response response;
  const dnswire::Query& query = parsed.query;
  if (parsed.outcome != dnswire::ParsedQuery::Outcome::Ok) {
    response.rcode = Rcode::FormErr;
  } else if (query.opcode != 0 || !query.question) {
    response.rcode = Rcode::NotImp;
  } else if (query.edns && query.edns->version > 0) {
    response.rcode = Rcode::BadVers;
  } else {
    response.rcode = Rcode::Refused;
    if (query.question->klass != dnswire::kClassIn) return response;
    std::string name = dnswire::lower_name(query.question->name);
    for (const auto& zone : zones_) {
      if (dnswire::is_within(name, zone->origin())) return zone->answer(*query.question, turn);
    }
  }
  return response;
}

}  // namespace gslb
