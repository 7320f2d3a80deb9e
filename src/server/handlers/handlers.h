// The verbs: one file each. Authentication and authorization have happened; an Error thrown before
// the response is started becomes a Status.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/task.h"
#include "http/message.h"
#include "registry/registry.h"
#include "server/accept.h"
#include "server/request_info.h"
#include "server/table.h"

namespace server {

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
};

Task<> handle_get(Exchange& exchange);
Task<> handle_list(Exchange& exchange);
Task<> handle_watch(Exchange& exchange);
Task<> handle_create(Exchange& exchange);
Task<> handle_update(Exchange& exchange);
Task<> handle_patch(Exchange& exchange);
Task<> handle_delete(Exchange& exchange);
Task<> handle_delete_collection(Exchange& exchange);

// Shared by the handlers ------------------------------------------------------------------------

// The response headers that every answer has: content type and warnings.
http::Headers headers_for(const Exchange& exchange,
                          std::string_view content_type = "application/json");
// Answers with one object in the form that was asked for.
Task<> send_item(Exchange& exchange, int status, cache::ItemPtr item);
Task<> send_json(Exchange& exchange, int status, const json::Value& value);
// An item's buffer, with the apiVersion of the call's version.
std::vector<Bytes> pieces_of(const registry::Call& call, const cache::ItemPtr& item);
// Cluster, namespace and selectors of a list, watch or deletecollection.
cache::Filter filter_of(const Exchange& exchange);
// The delete options of body and query.
Task<registry::DeleteOptions> read_delete_options(Exchange& exchange);

}  // namespace server
