#include "server/request_info.h"

#include <vector>

#include "base/strings.h"

namespace server {
namespace {

std::vector<std::string> segments(std::string_view path) {
  std::vector<std::string> parts;
  for (std::string_view part : split(path, '/')) {
    if (!part.empty()) parts.push_back(percent_decode(part));
  }
  return parts;
}

std::string verb_for(std::string_view method, const RequestInfo& info) {
  bool collection = info.name.empty();
  if (method == "GET" || method == "HEAD") {
    if (info.query.flag("watch") && info.subresource.empty()) return "watch";
    return collection ? "list" : "get";
  }
  if (method == "POST") return "create";
  if (method == "PUT") return "update";
  if (method == "PATCH") return "patch";
  if (method == "DELETE") return collection ? "deletecollection" : "delete";
  return lower(method);
}

// A collection restricted to one name counts as that object, as far as permissions go.
std::string name_in_selector(const Query& query) {
  std::string selector = query.get("fieldSelector");
  constexpr std::string_view kPrefix = "metadata.name=";
  if (!selector.starts_with(kPrefix) || selector.contains(',')) return {};
  return selector.substr(kPrefix.size());
}

}  // namespace

Query::Query(std::string_view raw) {
  if (raw.empty()) return;
  for (std::string_view pair : split(raw, '&')) {
    std::size_t equals = pair.find('=');
    std::string name = percent_decode(pair.substr(0, equals), true);
    bool bare = equals == std::string_view::npos;
    values_.emplace(name, bare ? "" : percent_decode(pair.substr(equals + 1), true));
  }
}

std::string Query::get(std::string_view name) const {
  auto it = values_.find(name);
  return it == values_.end() ? "" : it->second;
}

bool Query::flag(std::string_view name) const {
  auto it = values_.find(name);
  return it != values_.end() && it->second != "false" && it->second != "0";
}

std::optional<ClusterPrefix> split_cluster(std::string_view raw_path) {
  constexpr std::string_view kPrefix = "/clusters/";
  if (!raw_path.starts_with(kPrefix)) return {};
  std::string_view rest = raw_path.substr(kPrefix.size());
  std::size_t slash = rest.find('/');
  ClusterPrefix prefix{percent_decode(rest.substr(0, slash)), "/"};
  if (slash != std::string_view::npos) prefix.rest = rest.substr(slash);
  return prefix;
}

RequestInfo parse_request(std::string_view method, std::string_view raw_path,
                          std::string_view raw_query) {
  RequestInfo info;
  info.path = percent_decode(raw_path);
  info.query = Query(raw_query);
  info.verb = lower(method);
  auto parts = segments(raw_path);
  std::size_t at = 0;
  if (parts.size() >= 3 && parts[0] == "api") {
    info.version = parts[1];
    at = 2;
  } else if (parts.size() >= 4 && parts[0] == "apis") {
    info.group = parts[1];
    info.version = parts[2];
    at = 3;
  } else {
    return info;
  }
  info.resource_request = true;
  if (parts[at] == "namespaces" && parts.size() > at + 2 && parts[at + 2] != "status" &&
      parts[at + 2] != "finalize") {
    info.ns = parts[at + 1];
    at += 2;
  }
  info.resource = parts[at++];
  if (at < parts.size()) info.name = parts[at++];
  if (at < parts.size()) info.subresource = parts[at++];
  if (at < parts.size()) {  // deeper paths exist for proxies only
    info.resource_request = false;
    return info;
  }
  std::size_t colon = info.resource.find(':');
  if (colon != std::string::npos) {
    info.identity = info.resource.substr(colon + 1);
    info.resource.resize(colon);
  }
  if (info.resource == "namespaces" && info.group.empty() && info.ns.empty()) info.ns = info.name;
  info.verb = verb_for(method, info);
  if (info.name.empty() && (info.verb == "list" || info.verb == "watch")) {
    info.name = name_in_selector(info.query);
  }
  return info;
}

auth::Attributes attributes_of(auth::UserPtr user, const RequestInfo& info, std::string cluster) {
  auth::Attributes attributes;
  attributes.user = std::move(user);
  attributes.verb = info.verb;
  attributes.cluster = std::move(cluster);
  attributes.resource_request = info.resource_request;
  attributes.group = info.group;
  attributes.version = info.version;
  attributes.resource = info.resource;
  attributes.subresource = info.subresource;
  attributes.ns = info.ns;
  attributes.name = info.name;
  attributes.path = info.path;
  return attributes;
}

}  // namespace server
