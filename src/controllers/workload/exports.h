// What SyncTargets offer to serve, resolved through their supported APIExports to resources. Keeps
// what an export's schemas say for as long as the export does not change. Loop-bound.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cache/cache.h"
#include "json/value.h"
#include "server/server.h"

namespace controllers {

struct OfferedResource {
  std::string group, resource, identity;
  std::vector<std::string> versions;  // served ones, best first; never empty
  bool namespaced = true;
};

class ExportCatalog {
 public:
  ExportCatalog(cache::Cache& cache, const server::ClusterResolver& clusters)
      : cache_(cache), clusters_(clusters) {}

  struct Offer {
    std::vector<OfferedResource> resources;
    bool complete = true;  // every supported export was found, with all of its schemas
  };
  // Of a SyncTarget in `cluster`.
  Offer offer_of(const std::string& cluster, const json::Value& sync_target);

 private:
  struct Known {
    std::uint64_t revision = 0;  // of the export
    Offer offer;
  };
  Offer read(const std::string& cluster, const json::Value& api_export) const;

  cache::Cache& cache_;
  const server::ClusterResolver& clusters_;
  std::map<std::pair<std::string, std::string>, Known> known_;  // by cluster and name
};

}  // namespace controllers
