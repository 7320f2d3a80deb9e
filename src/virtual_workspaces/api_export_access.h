// May this provider's user do this to a consumer? Source: reference kcp-apis.md 3.4.
#pragma once

#include <map>
#include <set>
#include <shared_mutex>
#include <string>

#include "auth/authorizer.h"
#include "cache/cache.h"
#include "server/request_info.h"
#include "virtual_workspaces/api_export_offer.h"

namespace virtual_workspaces {

// One request to the view of one export. Referents live as long as the request.
struct ExportRequest {
  const std::string& cluster;  // of the export
  const json::Value& api_export;
  const std::string& target;  // a consumer's logical cluster, or "*"
  const server::RequestInfo& info;
  const auth::UserPtr& user;
};

// Thread-safe.
class ExportAccess {
 public:
  // Start-up only: keeps an index of exports by identity.
  ExportAccess(cache::Cache& cache, auth::Authorizer& authorizer);

  // Whether the user may use the export's view at all, with this verb. Asked before anything is
  // told about the export, so that a stranger does not learn whether it exists.
  Task<> check_content(const auth::UserPtr& user, const std::string& cluster,
                       const std::string& name, const server::RequestInfo& info);
  // Whether the consumer lets the export do this; Forbidden with the reason if not. Answers the
  // consumer's claim that permits it, null where none is needed.
  json::Value check_consumer(const ExportRequest& request, const Offer& offer) const;
  // Whether the owners of a resource claimed from another export permit it.
  Task<> check_owners(const ExportRequest& request, const Offer& offer);

 private:
  void on_export(const cache::Event& event);

  cache::Cache& cache_;
  auth::Authorizer& authorizer_;
  std::shared_mutex mutex_;
  std::map<std::string, std::set<cache::Key>> by_identity_;  // guarded by mutex_
  std::map<cache::Key, std::string> identity_of_;            // guarded by mutex_
};

}  // namespace virtual_workspaces
