// Which of the resources that a SyncTarget is to sync the physical cluster offers. Loop-bound.
// Source: reference tmc.md 3.3.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/task.h"
#include "client/client.h"
#include "json/value.h"

namespace syncer {

class Discovery {
 public:
  Discovery(std::shared_ptr<client::Client> downstream, const Clock& clock)
      : downstream_(std::move(downstream)), clock_(clock) {}

  // The resource to sync for an entry of status.syncedResources: of its versions the first that the
  // cluster offers, namespaced and with all verbs that syncing takes. Nothing if there is none.
  // Answers are kept for a minute. Throws Error if the cluster cannot be asked.
  Task<std::optional<client::Resource>> find(json::Value entry);

 private:
  struct Answer {
    TimePoint until;
    json::Value resources;  // of an APIResourceList
  };
  Task<json::Value> resources_of(std::string group, std::string version);

  std::shared_ptr<client::Client> downstream_;
  const Clock& clock_;
  std::map<std::string, Answer> answers_;  // by path
};

}  // namespace syncer
