// The paths that every Kubernetes server has beside its API: health, version, metrics, the index.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/task.h"
#include "http/message.h"
#include "registry/registry.h"
#include "server/request_info.h"

namespace server {

struct Check {
  std::string name;
  std::function<std::string()> run;  // "" = healthy
};

// Answers /healthz, /livez, /readyz (and /readyz/<check>), ?verbose; false if it is another path.
Task<bool> answer_health(const RequestInfo& info, const std::vector<Check>& checks,
                         http::ResponseWriter& response);
Task<> answer_version(const std::string& version, http::ResponseWriter& response);
Task<> answer_metrics(registry::Registry& registry, http::ResponseWriter& response);

}  // namespace server
