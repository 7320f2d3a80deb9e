// What a URL asks for. Pure. Source: reference kube-apiserver.md 1.1; kcp-tenancy.md 1.2.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "auth/authorizer.h"
#include "base/result.h"

namespace server {

// Decoded query parameters; of a repeated one the first counts.
class Query {
 public:
  explicit Query(std::string_view raw = {});
  std::string get(std::string_view name) const;  // "" if missing
  bool has(std::string_view name) const { return values_.contains(name); }
  bool flag(std::string_view name) const;  // "true", "1"; also the bare name

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

struct RequestInfo {
  std::string path;  // decoded, without the cluster prefix
  bool resource_request = false;
  std::string verb;  // Kubernetes verb, or the lower-case method for other paths
  std::string group, version, resource, subresource, ns, name;
  std::string identity;  // behind "resource:"
  Query query;
};

// The "/clusters/<x>" prefix of a raw path: what stands for x and what follows ("/" at least).
struct ClusterPrefix {
  std::string cluster;
  std::string_view rest;
};
std::optional<ClusterPrefix> split_cluster(std::string_view raw_path);

// What the authorizer judges of it in the logical cluster `cluster`.
auth::Attributes attributes_of(auth::UserPtr user, const RequestInfo& info, std::string cluster);

RequestInfo parse_request(std::string_view method, std::string_view raw_path,
                          std::string_view raw_query);

}  // namespace server
