#include "placement/keys.h"

#include "json/text.h"
#include "pki/digest.h"
#include "tenancy/hash.h"

namespace placement {
namespace {

constexpr std::size_t kMaxName = 253;

// Base 36 of the whole digest, a leading 0 for each leading zero byte.
std::string hash36(std::string_view text) {
  std::string digest = pki::sha224(text), zeros;
  for (std::size_t i = 0; i < digest.size() && digest[i] == '\0'; ++i) zeros += '0';
  return zeros + tenancy::base36(digest);
}

}  // namespace

std::string target_key(std::string_view cluster, std::string_view name) {
  return tenancy::base62_sha224(std::string(cluster) + ":" + std::string(name));
}

std::string Locator::text() const {
  json::Value target = json::Value::object();
  if (!target_cluster.empty()) target.set("cluster", target_cluster);
  target.set("name", target_name).set("uid", target_uid);
  json::Value locator = json::Value::object({{"syncTarget", std::move(target)}});
  if (!cluster.empty()) locator.set("cluster", cluster);
  locator.set("namespace", ns);
  return json::print(locator);
}

std::string Locator::downstream_namespace() const { return "kcp-" + hash36(text()).substr(0, 12); }

std::string Locator::tenant_id() const {
  Locator tenant = *this;
  tenant.ns.clear();
  return tenancy::base62_sha224(tenant.text());
}

Locator parse_locator(std::string_view text) {
  auto value = json::parse(text);
  if (!value) return {};
  const json::Value& target = (*value)["syncTarget"];
  Locator locator{target["cluster"].str(), target["name"].str(), target["uid"].str(),
                  (*value)["cluster"].str(), (*value)["namespace"].str()};
  if (locator.target_cluster.empty()) locator.target_cluster = target["path"].str();
  return locator;
}

std::string syncer_id(std::string_view target, std::string_view uid) {
  return "kcp-syncer-" + std::string(target) + "-" + hash36(uid).substr(0, 8);
}

std::string placement_name(std::string_view namespace_selector,
                           std::string_view joined_location_selectors,
                           std::string_view location_workspace) {
  std::string text(namespace_selector);
  text.append(joined_location_selectors).append(location_workspace);
  return "placement-" + hash36(text).substr(0, 8);
}

std::string binding_name(std::string_view export_name, std::string_view path) {
  std::string suffix = "-" + hash36(path).substr(0, 8);
  return std::string(export_name.substr(0, kMaxName - suffix.size())) + suffix;
}

}  // namespace placement
