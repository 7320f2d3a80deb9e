#include "cluster/services.h"

#include <set>

#include "base/strings.h"

namespace cluster {
namespace {

using json::Value;

// An address of 10.96.0.0/12 that no other service has, from the service's uid.
std::string choose_cluster_ip(const controller::World& world, const Value& service) {
  std::set<std::string> taken;
  for (const Value& one : world.list("services", "", "")) {
    taken.insert(one.at("spec", "clusterIP").str());
  }
  std::uint32_t hash = 2166136261u;
  for (unsigned char c : object::uid(service)) hash = (hash ^ c) * 16777619u;
  while (true) {
    std::uint32_t host = hash % (1u << 20);
    std::string ip = "10." + std::to_string(96 + (host >> 16)) + "." +
                     std::to_string(host >> 8 & 255) + "." + std::to_string(host & 255);
    if (host > 1 && !taken.contains(ip)) return ip;
    ++hash;
  }
}

bool selects(const Value& service, const Value& pod) {
  const Value& selector = service.at("spec", "selector");
  if (selector.empty()) return false;
  for (const auto& member : selector.members()) {
    if (object::label(pod, member.key) != member.value.as_string()) return false;
  }
  return true;
}

// The subsets of ready pods: every pod has a port of its own, so each is a subset.
Value subsets_of(const controller::World& world, const Value& service) {
  Value subsets = Value::array();
  for (const Value& pod : world.list("pods", "", object::ns(service))) {
    std::string place = object::annotation(pod, kListenAnnotation);
    std::size_t colon = place.rfind(':');
    if (!is_ready(pod) || !selects(service, pod) || colon == std::string::npos) continue;
    auto port = static_cast<std::int64_t>(parse_u64(place.substr(colon + 1)).value_or(0));
    Value target = Value::object({{"kind", "Pod"},
                                  {"name", object::name(pod)},
                                  {"namespace", object::ns(pod)},
                                  {"uid", object::uid(pod)}});
    Value address =
        Value::object({{"ip", place.substr(0, colon)}, {"targetRef", std::move(target)}});
    Value ports = Value::array();
    for (const Value& one : service.at("spec", "ports").elements()) {
      Value entry = Value::object({{"port", port}, {"protocol", "TCP"}});
      if (!one["name"].as_string().empty()) entry.set("name", one["name"]);
      ports.push_back(std::move(entry));
    }
    subsets.push_back(Value::object(
        {{"addresses", Value::array({std::move(address)})}, {"ports", std::move(ports)}}));
  }
  return subsets;
}

}  // namespace

controller::Declaration ServiceController::declare() const {
  return {
      {source_of(kServices, client_), source_of(kPods, client_), source_of(kEndpoints, client_)},
      {{"pods", [](const controller::World& world, const json::Value& pod) {
          std::vector<controller::Key> keys;
          for (const Value& service : world.list("services", "", object::ns(pod))) {
            if (selects(service, pod)) keys.push_back(controller::key_of("services", service));
          }
          return keys;
        }}}};
}

controller::Plan ServiceController::reconcile(const controller::World& world,
                                              const controller::Key& key,
                                              const std::optional<json::Value>& object) const {
  controller::Plan plan;
  auto endpoints = world.find({"endpoints", "", key.ns, key.name});
  if (!object) {
    if (endpoints) plan.remove("endpoints", "", *endpoints);
    return plan;
  }
  Value service = *object;
  if (service.at("spec", "clusterIP").as_string().empty()) {
    std::string ip = choose_cluster_ip(world, service);
    service.edit("spec").set("clusterIP", ip);
    service.edit("spec").set("clusterIPs", Value::array({ip}));
    plan.update("services", "", std::move(service));
  }
  Value wanted = endpoints ? *endpoints : object::make("v1", "Endpoints", key.name, key.ns);
  Value subsets = subsets_of(world, *object);
  if (subsets.empty()) {
    wanted.erase("subsets");
  } else {
    wanted.set("subsets", std::move(subsets));
  }
  if (!endpoints) {
    plan.create("endpoints", "", std::move(wanted));
  } else if (wanted != *endpoints) {
    plan.update("endpoints", "", std::move(wanted));
  }
  return plan;
}

}  // namespace cluster
