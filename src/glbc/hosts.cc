#include "glbc/hosts.h"

#include <algorithm>
#include <functional>
#include <set>
#include <vector>

#include "base/error.h"
#include "base/strings.h"
#include "dnswire/name.h"
#include "glbc/keys.h"
#include "object/object.h"

namespace glbc {
namespace {

using json::Value;

constexpr std::size_t kMaxNoted = 20;  // an Ingress may have thousands of rules
constexpr std::size_t kXidLength = 20;

// As hosts compare: without case, without the dot at the end.
std::string plain(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  return lower(host);
}

bool is_in_domain(const std::string& plain_host, std::string_view domain) {
  return plain_host == domain || plain_host.ends_with("." + std::string(domain));
}

void note_replaced(Value& ingress, const std::set<std::string>& replaced) {
  std::vector<std::string> shown(replaced.begin(), replaced.end());
  std::size_t more = shown.size() > kMaxNoted ? shown.size() - kMaxNoted : 0;
  shown.resize(shown.size() - more);
  std::string text = "replaced custom hosts [" + join(shown, " ");
  if (more > 0) text += " and " + std::to_string(more) + " more";
  text += "] to the glbc host due to custom host policy not being allowed";
  object::set_annotation(ingress, kReplacedHosts, text);
}

// Drops TLS hosts, and entries that have none left because of it.
void drop_tls_hosts(Value& ingress, const std::function<bool(const std::string&)>& unwanted) {
  Value kept = Value::array();
  for (const Value& entry : ingress.at("spec", "tls").elements()) {
    Value hosts = Value::array();
    for (const Value& host : entry["hosts"].elements()) {
      if (!unwanted(plain(host.as_string()))) hosts.push_back(host);
    }
    if (hosts.size() == entry["hosts"].size()) {
      kept.push_back(entry);
    } else if (!hosts.empty()) {
      Value changed = entry;
      changed.set("hosts", std::move(hosts));
      kept.push_back(std::move(changed));
    }
  }
  if (kept == ingress.at("spec", "tls") || !ingress["spec"].contains("tls")) return;
  if (kept.empty()) {
    ingress.edit("spec").erase("tls");
  } else {
    ingress.edit("spec").set("tls", std::move(kept));
  }
}

}  // namespace

void apply_host(Value& ingress, const std::string& host, std::string_view domain) {
  object::set_annotation(ingress, kHost, host);
  std::set<std::string> replaced;
  bool other = std::ranges::any_of(ingress.at("spec", "rules").elements(), [&](const Value& rule) {
    return rule["host"].as_string() != host;
  });
  if (other) {
    for (Value& rule : ingress.edit("spec", "rules").edit_elements()) {
      std::string_view present = rule["host"].as_string();
      if (present == host) continue;
      if (!present.empty()) replaced.insert(plain(present));
      rule.set_front("host", host);
    }
  }
  if (!replaced.empty()) note_replaced(ingress, replaced);
  drop_tls_hosts(ingress, [&](const std::string& one) {
    return one != host && (replaced.contains(one) || is_in_domain(one, domain));
  });
}

void apply_tls(Value& ingress, const std::string& host, const std::string& secret) {
  Value wanted = Value::object({{"hosts", Value::array({host})}, {"secretName", secret}});
  const auto present = ingress.at("spec", "tls").elements();
  auto names_host = [&](const Value& entry) {
    return std::ranges::any_of(entry["hosts"].elements(),
                               [&](const Value& one) { return plain(one.as_string()) == host; });
  };
  if (std::ranges::count_if(present, names_host) == 1 &&
      std::ranges::find(present, wanted) != present.end()) {
    return;
  }
  drop_tls_hosts(ingress, [&](const std::string& one) { return one == host; });
  ingress.edit("spec").edit("tls").push_back(std::move(wanted));
}

void check_domain(std::string_view domain) {
  bool ok = plain(domain) == domain && domain.contains('.') && !domain.contains('*') &&
            dnswire::parse_name(std::string(kXidLength, 'x') + "." + std::string(domain));
  if (!ok) {
    throw Error::bad_request("\"" + std::string(domain) +
                             "\" can not be the managed domain; use one like glbc.example.org");
  }
}

}  // namespace glbc
