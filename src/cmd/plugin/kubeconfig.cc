#include "cmd/plugin/kubeconfig.h"

#include <cstdlib>

#include "base/error.h"
#include "base/strings.h"
#include "cmd/files.h"
#include "json/text.h"

namespace plugin {

using json::Value;

Kubeconfig Kubeconfig::load() {
  const char* list = std::getenv("KUBECONFIG");
  std::string path;
  if (list && *list) {
    path = split(list, ':').front();
  } else {
    const char* home = std::getenv("HOME");
    path = std::string(home ? home : "") + "/.kube/config";
  }
  auto text = cmd::read_file(path);
  if (!text) throw Error(Reason::NotFound, "no kubeconfig at " + path + "; set KUBECONFIG");
  auto config = json::parse_yaml(*text);
  if (!config) throw Error(Reason::BadRequest, path + ": " + config.error().message());
  return Kubeconfig(std::move(*config), path);
}

Kubeconfig::Kubeconfig(json::Value config, std::string path)
    : config_(std::move(config)), path_(std::move(path)) {}

const Value& Kubeconfig::entry(const char* list, std::string_view name, const char* field) const {
  for (const Value& one : config_[list].elements()) {
    if (one["name"].as_string() == name) return one[field];
  }
  static const Value none;
  return none;
}

void Kubeconfig::put(const char* list, std::string_view name, const char* field, Value content) {
  Value fresh = Value::object({{"name", name}, {field, std::move(content)}});
  for (Value& one : config_.edit(list).edit_elements()) {
    if (one["name"].as_string() == name) {
      one = std::move(fresh);
      return;
    }
  }
  config_.edit(list).push_back(std::move(fresh));
}

const Value& Kubeconfig::cluster() const {
  const Value& context = entry("contexts", config_["current-context"].as_string(), "context");
  return entry("clusters", context["cluster"].as_string(), "cluster");
}

const Value& Kubeconfig::user() const {
  const Value& context = entry("contexts", config_["current-context"].as_string(), "context");
  return entry("users", context["user"].as_string(), "user");
}

std::string Kubeconfig::server_url() const { return cluster()["server"].str(); }

void Kubeconfig::remember_as(const char* name, const Value& cluster, const Value& context) {
  Value copy = context;
  copy.set("cluster", name);
  put("clusters", name, "cluster", cluster);
  put("contexts", name, "context", std::move(copy));
}

void Kubeconfig::switch_to(const std::string& url) {
  Value context = entry("contexts", config_["current-context"].as_string(), "context");
  Value present = cluster();
  remember_as(kPrevious, present, context);
  present.set("server", url);
  remember_as(kCurrent, present, context);
  config_.set("current-context", kCurrent);
}

void Kubeconfig::switch_back() {
  Value old_context = entry("contexts", kPrevious, "context");
  Value old_cluster = entry("clusters", kPrevious, "cluster");
  if (old_context.is_null() || old_cluster.is_null()) {
    throw Error(Reason::NotFound, "no previous workspace found in kubeconfig");
  }
  Value context = entry("contexts", config_["current-context"].as_string(), "context");
  Value present = cluster();
  remember_as(kPrevious, present, context);
  remember_as(kCurrent, old_cluster, old_context);
  config_.set("current-context", kCurrent);
}

void Kubeconfig::save() const { cmd::write_file(path_, json::print_yaml(config_)); }

}  // namespace plugin
