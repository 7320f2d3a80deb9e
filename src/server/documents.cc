#include "server/documents.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/strings.h"
#include "json/text.h"
#include "schema/digest.h"
#include "server/accept.h"
#include "server/discovery.h"
#include "server/openapi.h"

namespace server {
namespace {

constexpr std::size_t kMaxDocuments = 256;
constexpr std::string_view kAggregatedType =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

}  // namespace

Documents::Document Documents::rendered(const std::string& key, const Render& render) {
  {
    std::lock_guard lock(mutex_);
    auto it = documents_.find(key);
    if (it != documents_.end()) return it->second;
  }
  json::Value value = render();
  if (value.is_null()) return {};
  std::string text = json::print(value);
  Document document;
  document.etag = quote(schema::sha256_hex(text));
  document.body = Bytes(std::move(text));
  std::lock_guard lock(mutex_);
  if (documents_.size() >= kMaxDocuments) documents_.clear();
  documents_[key] = document;
  return document;
}

Task<> Documents::send(const http::Request& request, const Document& document,
                       std::string_view type, http::ResponseWriter& response) {
  http::Headers headers{{"content-type", type}, {"vary", "Accept"}};
  headers.set("etag", document.etag);
  if (request.headers.get("if-none-match") == document.etag) {
    co_await response.send(304, headers, Bytes());
  } else {
    co_await response.send(200, headers, document.body);
  }
}

json::Value Documents::openapi_index(const std::string& cluster, const std::string& tag) {
  json::Value paths = json::Value::object();
  auto kinds = registry_.kinds().list(cluster);
  for (const auto& at : group_versions(kinds)) {
    std::string path = openapi_path(at);
    auto document = rendered(tag + "/openapi/v3/" + path, [&] { return openapi_v3(kinds, at); });
    std::string hash = document.etag.substr(1, document.etag.size() - 2);
    // Relative to the server's address, so it carries the cluster.
    std::string prefix = workspaces_ ? "/clusters/" + cluster : "";
    paths.set(path,
              json::Value::object({{"serverRelativeURL",
                                    fmt::format("{}/openapi/v3/{}?hash={}", prefix, path, hash)}}));
  }
  return json::Value::object({{"paths", std::move(paths)}});
}

Task<bool> Documents::answer(const http::Request& request, const std::string& path,
                             const std::string& cluster, http::ResponseWriter& response) {
  std::string tag = registry_.kinds().etag(cluster);
  auto parts = split(std::string_view(path).substr(1), '/');
  while (parts.size() > 1 && parts.back().empty()) parts.pop_back();
  auto kinds = [&] { return registry_.kinds().list(cluster); };
  Document document;
  std::string_view type = "application/json";
  if (parts.size() == 1 && (parts[0] == "api" || parts[0] == "apis")) {
    bool core = parts[0] == "api";
    Form form = value_or_throw(negotiate(request.headers.get("accept")));
    if (form.aggregated_discovery) {
      type = kAggregatedType;
      document = rendered(tag + "/aggregated/" + std::string(parts[0]),
                          [&] { return aggregated(kinds(), core); });
    } else {
      document = rendered(tag + "/" + std::string(parts[0]), [&] {
        return core ? api_versions(request.authority) : group_list(kinds());
      });
    }
  } else if (parts.size() == 2 && parts[0] == "api") {
    document = rendered(tag + path, [&] { return resource_list(kinds(), "", parts[1]); });
  } else if (parts.size() == 2 && parts[0] == "apis") {
    document = rendered(tag + path, [&] { return group(kinds(), parts[1]); });
  } else if (parts.size() == 3 && parts[0] == "apis") {
    document = rendered(tag + path, [&] { return resource_list(kinds(), parts[1], parts[2]); });
  } else if (path == "/openapi/v2") {
    document = rendered(tag + path, [&] { return openapi_v2(kinds()); });
  } else if (path == "/openapi/v3" || path == "/openapi/v3/") {
    document =
        rendered(tag + "/" + cluster + "/openapi/v3", [&] { return openapi_index(cluster, tag); });
  } else if (path.starts_with("/openapi/v3/")) {
    bool core = parts.size() == 4 && parts[2] == "api";
    bool named = parts.size() == 5 && parts[2] == "apis";
    if (!core && !named) co_return false;
    object::GroupVersion at{named ? std::string(parts[3]) : "", std::string(parts.back())};
    document = rendered(tag + path, [&] { return openapi_v3(kinds(), at); });
  } else {
    co_return false;
  }
  if (document.etag.empty()) co_return false;
  co_await send(request, document, type, response);
  co_return true;
}

}  // namespace server
