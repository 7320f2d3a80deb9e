#include "server/cells.h"

#include <fmt/format.h>

#include <map>

#include "base/strings.h"
#include "server/age.h"

namespace server {
namespace {

using json::Value;

std::string joined(const std::vector<std::string>& parts, std::string_view otherwise = "<none>") {
  return parts.empty() ? std::string(otherwise) : join(parts, ",");
}

std::string first_of(const Value& object, std::initializer_list<const char*> members) {
  for (const char* member : members) {
    if (!object[member].as_string().empty()) return object[member].str();
  }
  return {};
}

Value event_object(const Value& event, TimePoint) {
  const Value& about = event["involvedObject"];
  std::string text = lower(about["kind"].as_string());
  return about["name"].as_string().empty() ? text : text + "/" + about["name"].str();
}

std::string first_seen(const Value& event) {
  return first_of(event, {"firstTimestamp", "eventTime"});
}

Value event_last_seen(const Value& event, TimePoint now) {
  std::string time = event.at("series", "lastObservedTime").str();
  if (time.empty()) time = first_of(event, {"lastTimestamp"});
  return age_of(time.empty() ? first_seen(event) : time, now);
}

Value event_first_seen(const Value& event, TimePoint now) { return age_of(first_seen(event), now); }

Value event_source(const Value& event, TimePoint) {
  std::string component = first_of(event["source"], {"component"});
  std::string host = first_of(event["source"], {"host"});
  if (component.empty()) component = event["reportingComponent"].str();
  if (host.empty()) host = event["reportingInstance"].str();
  return host.empty() ? component : component + ", " + host;
}

Value event_count(const Value& event, TimePoint) {
  std::int64_t count = event.at("series", "count").as_int();
  if (count == 0) count = event["count"].as_int(1);
  return std::to_string(count);
}

Value ready_ratio(const Value& object, TimePoint) {
  return fmt::format("{}/{}", object.at("status", "readyReplicas").as_int(),
                     object.at("spec", "replicas").as_int());
}

template <const char* Field>
Value status_number(const Value& object, TimePoint) {
  return object.at("status", Field).as_int();
}
constexpr char kUpdated[] = "updatedReplicas";
constexpr char kAvailable[] = "availableReplicas";
constexpr char kReady[] = "readyReplicas";

template <const char* Field>
Value template_containers(const Value& object, TimePoint) {
  std::vector<std::string> all;
  for (const Value& one : object.at("spec", "template", "spec", "containers").elements()) {
    all.push_back(one[Field].str());
  }
  return join(all, ",");
}
constexpr char kName[] = "name";
constexpr char kImage[] = "image";

std::string map_text(const Value& map) {
  std::vector<std::string> all;
  for (const auto& member : map.members()) all.push_back(member.key + "=" + member.value.str());
  return joined(all);
}

Value selector(const Value& object, TimePoint) {
  return map_text(object.at("spec", "selector", "matchLabels"));
}

Value pod_ready(const Value& pod, TimePoint) {
  std::size_t ready = 0;
  for (const Value& one : pod.at("status", "containerStatuses").elements()) {
    ready += one["ready"].as_bool();
  }
  return fmt::format("{}/{}", ready, pod.at("spec", "containers").size());
}

Value pod_status(const Value& pod, TimePoint) {
  if (pod.at("metadata").contains("deletionTimestamp")) return "Terminating";
  for (const Value& one : pod.at("status", "containerStatuses").elements()) {
    std::string_view waiting = one.at("state", "waiting", "reason").as_string();
    if (!waiting.empty()) return waiting;
  }
  std::string reason = pod.at("status", "reason").str();
  return reason.empty() ? pod.at("status", "phase").str() : reason;
}

Value pod_restarts(const Value& pod, TimePoint) {
  std::int64_t total = 0;
  for (const Value& one : pod.at("status", "containerStatuses").elements()) {
    total += one["restartCount"].as_int();
  }
  return std::to_string(total);
}

Value node_status(const Value& node, TimePoint) {
  std::string text = "Unknown";
  for (const Value& one : node.at("status", "conditions").elements()) {
    if (one["type"].as_string() != "Ready") continue;
    text = one["status"].as_string() == "True" ? "Ready" : "NotReady";
  }
  if (node.at("spec", "unschedulable").as_bool()) text += ",SchedulingDisabled";
  return text;
}

Value node_roles(const Value& node, TimePoint) {
  constexpr std::string_view kPrefix = "node-role.kubernetes.io/";
  std::vector<std::string> roles;
  for (const auto& label : node.at("metadata", "labels").members()) {
    if (label.key.starts_with(kPrefix)) roles.push_back(label.key.substr(kPrefix.size()));
  }
  return joined(roles);
}

Value service_cluster_ip(const Value& service, TimePoint) {
  std::string ip = service.at("spec", "clusterIP").str();
  return ip.empty() ? "<none>" : ip;
}

std::string load_balancer_text(const Value& object) {
  std::vector<std::string> all;
  for (const Value& one : object.at("status", "loadBalancer", "ingress").elements()) {
    all.push_back(first_of(one, {"ip", "hostname"}));
  }
  return join(all, ",");
}

Value service_external_ip(const Value& service, TimePoint) {
  std::string address = load_balancer_text(service);
  if (!address.empty()) return address;
  bool pending = service.at("spec", "type").as_string() == "LoadBalancer";
  return pending ? "<pending>" : "<none>";
}

Value service_ports(const Value& service, TimePoint) {
  std::vector<std::string> all;
  for (const Value& one : service.at("spec", "ports").elements()) {
    std::string port = std::to_string(one["port"].as_int());
    if (one["nodePort"].as_int() > 0) port += ":" + std::to_string(one["nodePort"].as_int());
    all.push_back(port + "/" + one["protocol"].str());
  }
  return joined(all);
}

Value service_selector(const Value& service, TimePoint) {
  return map_text(service.at("spec", "selector"));
}

Value endpoints_text(const Value& endpoints, TimePoint) {
  std::vector<std::string> all;
  for (const Value& subset : endpoints["subsets"].elements()) {
    for (const Value& port : subset["ports"].elements()) {
      for (const Value& address : subset["addresses"].elements()) {
        all.push_back(fmt::format("{}:{}", address["ip"].str(), port["port"].as_int()));
      }
    }
  }
  std::size_t more = all.size() > 3 ? all.size() - 3 : 0;
  if (more > 0) all.resize(3);
  return joined(all) + (more > 0 ? fmt::format(" + {} more...", more) : "");
}

Value ingress_class(const Value& ingress, TimePoint) {
  std::string name = ingress.at("spec", "ingressClassName").str();
  return name.empty() ? "<none>" : name;
}

Value ingress_hosts(const Value& ingress, TimePoint) {
  std::vector<std::string> all;
  for (const Value& rule : ingress.at("spec", "rules").elements()) {
    if (!rule["host"].as_string().empty()) all.push_back(rule["host"].str());
  }
  return joined(all, "*");
}

Value ingress_address(const Value& ingress, TimePoint) { return load_balancer_text(ingress); }

Value ingress_ports(const Value& ingress, TimePoint) {
  return ingress.at("spec", "tls").empty() ? "80" : "80, 443";
}

Value role_ref(const Value& binding, TimePoint) {
  return binding.at("roleRef", "kind").str() + "/" + binding.at("roleRef", "name").str();
}

Value data_count(const Value& object, TimePoint) {
  return static_cast<std::int64_t>(object["data"].size() + object["binaryData"].size());
}

Value age(const Value& object, TimePoint now) {
  return age_of(object.at("metadata", "creationTimestamp").as_string(), now);
}

using Cell = Value (*)(const Value&, TimePoint);
const std::map<std::string_view, Cell> kCells{
    {"age", age},
    {"data", data_count},
    {"role-ref", role_ref},
    {"event-object", event_object},
    {"event-last-seen", event_last_seen},
    {"event-first-seen", event_first_seen},
    {"event-source", event_source},
    {"event-count", event_count},
    {"ready-ratio", ready_ratio},
    {"updated-replicas", status_number<kUpdated>},
    {"available-replicas", status_number<kAvailable>},
    {"ready-replicas", status_number<kReady>},
    {"template-containers", template_containers<kName>},
    {"template-images", template_containers<kImage>},
    {"selector", selector},
    {"pod-ready", pod_ready},
    {"pod-status", pod_status},
    {"pod-restarts", pod_restarts},
    {"node-status", node_status},
    {"node-roles", node_roles},
    {"service-cluster-ip", service_cluster_ip},
    {"service-external-ip", service_external_ip},
    {"service-ports", service_ports},
    {"service-selector", service_selector},
    {"endpoints", endpoints_text},
    {"ingress-class", ingress_class},
    {"ingress-hosts", ingress_hosts},
    {"ingress-address", ingress_address},
    {"ingress-ports", ingress_ports},
};

}  // namespace

json::Value computed_cell(std::string_view name, const json::Value& object, TimePoint now) {
  auto it = kCells.find(name);
  return it == kCells.end() ? Value() : it->second(object, now);
}

}  // namespace server
