#include "cluster/ingresses.h"

#include <map>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"

namespace cluster {
namespace {

using json::Value;

// Where the ready pods behind a service listen.
std::vector<net::Endpoint> backends_of(const controller::World& world, const std::string& ns,
                                       const std::string& service) {
  std::vector<net::Endpoint> backends;
  auto endpoints = world.find({"endpoints", "", ns, service});
  if (!endpoints) return backends;
  for (const Value& subset : (*endpoints)["subsets"].elements()) {
    for (const Value& address : subset["addresses"].elements()) {
      backends.push_back(
          {address["ip"].str(), static_cast<std::uint16_t>(subset["ports"][0]["port"].as_int())});
    }
  }
  return backends;
}

std::optional<std::string> secret_data(const Value& secret, const char* key) {
  return base64_decode(secret["data"][key].as_string());
}

// A host is one namespace's, that of its oldest Ingress: nobody takes over another's by naming it,
// neither its traffic nor its certificate. "" is the default and nobody's.
std::map<std::string, std::string> owners_of_hosts(const std::vector<Value>& ingresses) {
  std::map<std::string, std::pair<std::string, std::string>> first;  // host: {created, namespace}
  for (const Value& ingress : ingresses) {
    std::pair claim(ingress.at("metadata", "creationTimestamp").str(), object::ns(ingress));
    auto note = [&](const Value& host) {
      auto [place, is_new] = first.try_emplace(lower(host.as_string()), claim);
      if (!is_new) place->second = std::min(place->second, claim);
    };
    for (const Value& rule : ingress.at("spec", "rules").elements()) note(rule["host"]);
    for (const Value& tls : ingress.at("spec", "tls").elements()) {
      for (const Value& host : tls["hosts"].elements()) note(host);
    }
  }
  std::map<std::string, std::string> owners;
  for (const auto& [host, claim] : first) owners[host] = claim.second;
  return owners;
}

// Everything here depends on everything: any change looks at some Ingress, which makes all tables.
std::vector<controller::Key> any_ingress(const controller::World& world, const Value&) {
  auto all = world.list("ingresses", "", "");
  if (all.empty()) return {};
  return {controller::key_of("ingresses", all.front())};
}

}  // namespace

std::shared_ptr<const RouteTable> routes_of(const controller::World& world) {
  auto table = std::make_shared<RouteTable>();
  auto ingresses = world.list("ingresses", "", "");
  auto owners = owners_of_hosts(ingresses);
  for (const Value& ingress : ingresses) {
    for (const Value& rule : ingress.at("spec", "rules").elements()) {
      std::string host = lower(rule["host"].as_string());
      if (!host.empty() && owners[host] != object::ns(ingress)) continue;
      auto& routes = table->hosts[host];
      for (const Value& path : rule.at("http", "paths").elements()) {
        bool exact = path["pathType"].as_string() == "Exact";
        routes.push_back(
            {path["path"].as_string().empty() ? "/" : path["path"].str(),
             exact ? PathType::Exact : PathType::Prefix,
             backends_of(world, object::ns(ingress), path.at("backend", "service", "name").str())});
      }
    }
    const Value& fallback = ingress.at("spec", "defaultBackend", "service", "name");
    if (!fallback.as_string().empty()) {
      table->hosts[""].push_back(
          {"/", PathType::Prefix, backends_of(world, object::ns(ingress), fallback.str())});
    }
  }
  return table;
}

std::shared_ptr<const CertificateTable> certificates_of(const controller::World& world) {
  auto table = std::make_shared<CertificateTable>();
  auto ingresses = world.list("ingresses", "", "");
  auto owners = owners_of_hosts(ingresses);
  for (const Value& ingress : ingresses) {
    for (const Value& tls : ingress.at("spec", "tls").elements()) {
      auto secret = world.find({"secrets", "", object::ns(ingress), tls["secretName"].str()});
      auto certificate = secret ? secret_data(*secret, "tls.crt") : std::nullopt;
      auto key = secret ? secret_data(*secret, "tls.key") : std::nullopt;
      if (!certificate || !key) continue;
      try {
        auto identity = std::make_shared<net::TlsIdentity>(*certificate, *key);
        for (const Value& one : tls["hosts"].elements()) {
          std::string host = lower(one.as_string());
          if (owners[host] == object::ns(ingress)) (*table)[host] = identity;
        }
      } catch (const Error& error) {
        log(LogLevel::Warning, "cluster", "an ingress's certificate is unusable",
            {{"ingress", object::name(ingress)}, {"error", error.message()}});
      }
    }
  }
  return table;
}

controller::Declaration IngressController::declare() const {
  return {{source_of(kIngresses, client_), source_of(kEndpoints, client_),
           source_of(kSecrets, client_)},
          {{"endpoints", any_ingress}, {"secrets", any_ingress}}};
}

controller::Plan IngressController::reconcile(const controller::World& world,
                                              const controller::Key&,
                                              const std::optional<json::Value>& object) const {
  controller::Plan plan;
  proxy_.set_certificates(certificates_of(world));
  proxy_.set_routes(routes_of(world));
  if (!object || object::is_deleting(*object)) return plan;
  Value wanted = *object;
  wanted.edit("status", "loadBalancer", "ingress") =
      Value::array({Value::object({{"ip", address_}})});
  if (wanted["status"] != (*object)["status"])
    plan.update_status("ingresses", "", std::move(wanted));
  return plan;
}

}  // namespace cluster
