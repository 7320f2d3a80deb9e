// Discovery and OpenAPI over HTTP: rendered once per set of kinds, answered by ETag.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "base/task.h"
#include "http/message.h"
#include "registry/registry.h"

namespace server {

// Thread-safe. Clusters that serve the same kinds share the rendered documents; at most 256 are
// kept.
class Documents {
 public:
  // With `workspaces`, URLs in documents carry the /clusters/<name> that was asked.
  Documents(registry::Registry& registry, bool workspaces)
      : registry_(registry), workspaces_(workspaces) {}

  // Answers if `path` is one of discovery's or OpenAPI's; false if it is not.
  Task<bool> answer(const http::Request& request, const std::string& path,
                    const std::string& cluster, http::ResponseWriter& response);

 private:
  struct Document {
    Bytes body;
    std::string etag;  // with quotes
  };
  using Render = std::function<json::Value()>;
  Document rendered(const std::string& key, const Render& render);
  Task<> send(const http::Request& request, const Document& document, std::string_view type,
              http::ResponseWriter& response);
  json::Value openapi_index(const std::string& cluster, const std::string& tag);

  registry::Registry& registry_;
  const bool workspaces_;
  std::mutex mutex_;
  std::map<std::string, Document> documents_;  // guarded by mutex_
};

}  // namespace server
