// A Kubernetes API client over an http::Transport: the same for a remote server and for one in this
// process. Objects are trees. Errors from the server come back as the Error they were. Use on one
// loop.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/task.h"
#include "http/message.h"
#include "json/value.h"

namespace client {

// A resource as addressed in URLs. `group` "" is core. `resource` may carry ":<identity>".
struct Resource {
  std::string group;
  std::string version;
  std::string resource;
  bool namespaced = true;
  friend auto operator<=>(const Resource&, const Resource&) = default;
};

struct ListOptions {
  std::string label_selector;
  std::string field_selector;
  std::size_t page_size = 500;
};

struct List {
  std::vector<json::Value> items;  // each with apiVersion and kind set
  std::string resource_version;
};

enum class EventType { Added, Modified, Deleted, Bookmark };
struct WatchEvent {
  EventType type = EventType::Added;
  json::Value object;
};

// An open watch. Ends (nothing) when the server ends it; throws Error(Expired) on 410.
class Watch {
 public:
  virtual ~Watch() = default;
  virtual Task<std::optional<WatchEvent>> next() = 0;
};

enum class PatchType { Json, Merge, StrategicMerge };

// Bound to one base path: "" for a plain cluster, "/clusters/<name>" for a workspace,
// "/services/apiexport/..." for a virtual workspace.
class Client {
 public:
  Client(std::shared_ptr<http::Transport> transport, std::string base_path,
         http::Headers default_headers = {});  // e.g. authorization
  // The same connection and identity, another base path.
  Client at(std::string base_path) const;
  const std::string& base_path() const { return base_path_; }

  // The object, or nothing on 404.
  Task<std::optional<json::Value>> find(Resource resource, std::string ns, std::string name);
  Task<List> list(Resource resource, std::string ns, ListOptions options);  // all pages
  Task<std::unique_ptr<Watch>> watch(Resource resource, std::string ns,
                                     std::string resource_version, ListOptions options);
  // The object as it is, made from `object` if it is not there.
  Task<json::Value> ensure(Resource resource, json::Value object);
  // Namespace and name are taken from the object.
  Task<json::Value> create(Resource resource, json::Value object);
  Task<json::Value> update(Resource resource, json::Value object);
  Task<json::Value> update_status(Resource resource, json::Value object);
  Task<json::Value> patch(Resource resource, std::string ns, std::string name, PatchType type,
                          json::Value patch, std::string subresource = {});
  // Whether it was there.
  Task<bool> remove(Resource resource, std::string ns, std::string name, std::string uid = {});

  // Any request with a JSON body and answer; throws the server's Error for status >= 400.
  Task<json::Value> call(std::string method, std::string path, std::optional<json::Value> body = {},
                         std::string content_type = "application/json");

 private:
  Task<http::Response> send(std::string method, std::string path, std::optional<json::Value> body,
                            std::string content_type);

  std::shared_ptr<http::Transport> transport_;
  std::string base_path_;
  http::Headers headers_;
};

// "/api/v1/namespaces/a/pods/b" or "/apis/apps/v1/deployments".
std::string resource_path(const Resource& resource, std::string_view ns, std::string_view name,
                          std::string_view subresource = {});

}  // namespace client
