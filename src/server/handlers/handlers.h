// The verbs: one file each. Authentication and authorization have happened; an Error thrown before
// the response is started becomes a Status.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/task.h"
#include "http/message.h"
#include "registry/registry.h"
#include "server/accept.h"
#include "server/limiter.h"
#include "server/request_info.h"
#include "server/server_metrics.h"
#include "server/table.h"
#include "server/usage.h"

namespace server {

// What goes on after its request has been answered and forgotten.
class OpenWatch {
 public:
  virtual ~OpenWatch() = default;
  // Sends events until the watch ends; `response` has been started.
  virtual Task<> run(http::ResponseWriter& response) = 0;

  // What counts it while it is open.
  std::optional<Limiter::Slot> slot;
  std::optional<Usage::Watch> usage;
  std::optional<LongRunning> running;
};

// One request on its way through a handler.
struct Exchange {
  registry::Registry& registry;
  http::Request& request;
  http::ResponseWriter& response;
  const RequestInfo& info;
  registry::Call call;
  Form form;
  std::vector<std::string> warnings;
  const std::atomic<bool>* stopping = nullptr;  // the server is going down: watches end
  Usage* usage = nullptr;                       // what workspaces use; never null
  std::unique_ptr<OpenWatch> watch;             // left by handle_watch()
  std::function<Task<>()> may_create = {};      // throws Forbidden if the user may not create it
};

Task<> handle_get(Exchange& exchange);
Task<> handle_list(Exchange& exchange);
Task<> handle_watch(Exchange& exchange);
Task<> handle_create(Exchange& exchange);
Task<> handle_update(Exchange& exchange);
Task<> handle_patch(Exchange& exchange);
Task<> handle_apply(Exchange& exchange);  // PATCH with a configuration to apply
Task<> handle_delete(Exchange& exchange);
Task<> handle_delete_collection(Exchange& exchange);

// Kinds whose objects are computed: what a get and a list answer with.
bool is_usage(const registry::Kind& kind);
Task<cache::ItemPtr> find_usage(Exchange& exchange);
Task<cache::Snapshot> list_usage(Exchange& exchange);

// Shared by the handlers ------------------------------------------------------------------------

// The response headers that every answer has: content type and warnings.
http::Headers headers_for(const Exchange& exchange,
                          std::string_view content_type = "application/json");
// Answers with one object in the form that was asked for.
Task<> send_item(Exchange& exchange, int status, cache::ItemPtr item);
Task<> send_json(Exchange& exchange, int status, const json::Value& value);
// Answers a write: with the object, or its scale if that was written, and the write's warnings.
Task<> send_written(Exchange& exchange, registry::Written written);
// An item's text, with the apiVersion of the call's version.
std::vector<Bytes> pieces_of(const registry::Call& call, const cache::ItemPtr& item);
// Cluster, namespace and selectors of a list, watch or deletecollection.
cache::Filter filter_of(const Exchange& exchange);
// The delete options of body and query.
Task<registry::DeleteOptions> read_delete_options(Exchange& exchange);

}  // namespace server
