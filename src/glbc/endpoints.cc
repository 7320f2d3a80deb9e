#include "glbc/endpoints.h"

#include <arpa/inet.h>

#include <algorithm>
#include <map>

#include "base/strings.h"
#include "dnswire/message.h"
#include "glbc/keys.h"
#include "object/object.h"
#include "placement/intents.h"

namespace glbc {
namespace {

using json::Value;

constexpr std::size_t kMaxAddresses = 64;
constexpr std::size_t kMaxHostnames = 8;

constexpr const char* kKeyLabel = "key";  // of an endpoint

// The address as everybody spells it; nothing if it is none that a host can have.
std::optional<std::string> canonical(std::string_view text) {
  auto rdata = dnswire::address_rdata(text);
  if (!rdata) return std::nullopt;
  bool four = rdata->size() == 4;
  auto first = static_cast<unsigned char>((*rdata)[0]);
  bool none = std::ranges::all_of(*rdata, [](char c) { return c == '\0'; });
  if (none || (four ? first >= 224 : first == 0xff)) return std::nullopt;  // multicast and above
  char buffer[INET6_ADDRSTRLEN];
  if (!inet_ntop(four ? AF_INET : AF_INET6, rdata->data(), buffer, sizeof buffer)) {
    return std::nullopt;
  }
  return std::string(buffer);
}

std::string type_of(const std::string& ip) { return ip.contains(':') ? "AAAA" : "A"; }

}  // namespace

Candidates candidates_of(const Value& ingress) {
  Candidates found;
  std::map<std::string, std::string> keys;  // by address
  std::set<std::string> hostnames;
  auto intents = placement::intents_of(ingress);
  std::erase_if(intents, [](const auto& one) { return !is_target_key(one.first); });
  for (bool leaving : {false, true}) {  // those that stay come first
    for (const auto& [key, intent] : intents) {
      if (intent.leaving() != leaving) continue;
      (leaving ? found.leaving : found.here).insert(key);
      auto status = placement::status_at(ingress, key);
      if (!status) continue;
      for (const Value& entry : status->at("loadBalancer", "ingress").elements()) {
        auto ip = canonical(entry["ip"].as_string());
        if (ip && keys.size() < kMaxAddresses) keys.try_emplace(*ip, key);
        std::string name = entry["hostname"].str();
        if (!ip && !name.empty() && hostnames.size() < kMaxHostnames) hostnames.insert(name);
      }
    }
  }
  for (auto& [ip, key] : keys) found.addresses.push_back({ip, key});
  found.hostnames.assign(hostnames.begin(), hostnames.end());
  return found;
}

std::vector<Address> published_in(const Value& record) {
  std::vector<Address> found;
  for (const Value& endpoint : record.at("spec", "endpoints").elements()) {
    std::string key = endpoint.at("labels", kKeyLabel).str();
    for (const Value& target : endpoint["targets"].elements()) {
      found.push_back({target.str(), key});
    }
  }
  std::ranges::sort(found);
  return found;
}

bool is_observed(const Value& record) {
  const Value& observed = record.at("status", "observedGeneration");
  return observed.is_integer() && observed.as_int() == object::generation(record);
}

std::optional<bool> find_verdict(const Value& record, std::string_view ip) {
  const Value& healthy = record.at("status", "health")[ip]["healthy"];
  return healthy.is_bool() ? std::optional(healthy.as_bool()) : std::nullopt;
}

std::int64_t max_ttl_of(const Value& record) {
  auto noted = parse_i64(object::annotation(record, kLargestTtl));
  std::int64_t largest = noted && *noted > 0 ? std::min(*noted, kMaxTtl) : 0;
  for (const Value& endpoint : record.at("spec", "endpoints").elements()) {
    largest = std::max(largest, std::min(endpoint["recordTTL"].as_int(), kMaxTtl));
  }
  return largest;
}

std::vector<Address> choose(const Candidates& candidates, const Value& record, bool probing) {
  auto published = published_in(record);
  auto is_published = [&](const std::string& ip) {
    return std::ranges::find(published, ip, &Address::ip) != published.end();
  };
  auto is_healthy = [&](const std::string& ip) {
    return !probing || find_verdict(record, ip).value_or(false);
  };
  std::vector<Address> chosen;
  bool replaced = false;
  for (const Address& one : candidates.addresses) {
    if (!candidates.here.contains(one.key)) continue;
    if (!is_published(one.ip) && !is_healthy(one.ip)) continue;
    chosen.push_back(one);
    replaced = replaced || (is_published(one.ip) && is_healthy(one.ip) && is_observed(record));
  }
  for (const Address& one : published) {
    bool stays = std::ranges::find(chosen, one.ip, &Address::ip) != chosen.end();
    if (!stays && !replaced) chosen.push_back(one);
  }
  std::ranges::sort(chosen);
  return chosen;
}

Value endpoints_for(const std::string& host, std::int64_t ttl,
                    const std::vector<Address>& addresses) {
  std::vector<Address> sorted = addresses;
  std::ranges::sort(sorted, {}, [](const Address& one) { return std::pair(type_of(one.ip), one); });
  Value endpoints = Value::array();
  for (const Address& one : sorted) {
    endpoints.push_back(Value::object({{"dnsName", host},
                                       {"recordType", type_of(one.ip)},
                                       {"targets", Value::array({one.ip})},
                                       {"recordTTL", ttl},
                                       {"setIdentifier", one.ip},
                                       {"labels", Value::object({{kKeyLabel, one.key}})}}));
  }
  return endpoints;
}

Result<std::vector<gslb::HostRecord>> hosts_in(const Value& record, bool probing,
                                               std::uint32_t default_ttl) {
  std::map<std::string, gslb::HostRecord> hosts;
  auto host_named = [&](const std::string& name) -> gslb::HostRecord& {
    return hosts.try_emplace(name, gslb::HostRecord{name, default_ttl, {}}).first->second;
  };
  std::string own = object::annotation(record, kHost);
  if (!own.empty()) host_named(own);
  for (const Value& endpoint : record.at("spec", "endpoints").elements()) {
    std::string type = endpoint["recordType"].str();
    if (type != "A" && type != "AAAA") {
      return std::unexpected(Error::bad_request("record type \"" + type + "\" is not served"));
    }
    gslb::HostRecord& host = host_named(endpoint["dnsName"].str());
    std::int64_t ttl = endpoint["recordTTL"].as_int();
    bool bounded = ttl >= 0 && ttl <= kMaxTtl;
    if (!bounded) return std::unexpected(Error::bad_request("recordTTL is out of bounds"));
    bool first = host.targets.empty();
    host.ttl = first ? static_cast<std::uint32_t>(ttl)
                     : std::min(host.ttl, static_cast<std::uint32_t>(ttl));
    for (const Value& target : endpoint["targets"].elements()) {
      std::string ip = target.str();
      host.targets.push_back({ip, !probing || find_verdict(record, ip).value_or(true)});
    }
  }
  std::vector<gslb::HostRecord> all;
  for (auto& [name, host] : hosts) all.push_back(std::move(host));
  return all;
}

}  // namespace glbc
