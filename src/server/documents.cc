#include "server/documents.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/strings.h"
#include "json/text.h"
#include "schema/digest.h"
#include "server/accept.h"
#include "server/discovery.h"
#include "server/openapi.h"
#include "server/openapi_protobuf.h"

namespace server {
namespace {

constexpr std::size_t kMaxDocuments = 256;
constexpr std::size_t kMaxBytes = 64 * 1024 * 1024;
constexpr std::string_view kAggregatedType =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

// Whether the v2 document's protobuf form is the first that the client names and this server has.
bool accepts_protobuf(std::string_view accept) {
  for (std::string_view range : split(accept, ',')) {
    std::string_view type = trim(split(range, ';')[0]);
    if (type == kOpenApiV2Protobuf || type == kOpenApiV2ProtobufAnswer) return true;
    if (type == "application/json" || type == "application/*" || type == "*/*") return false;
  }
  return false;
}

}  // namespace

Documents::Document Documents::document_of(const json::Value& value) {
  if (value.is_null()) return {};
  return document_of(json::print(value));
}

Documents::Document Documents::document_of(std::string text) {
  std::string etag = quote(schema::sha256_hex(text));
  return {Bytes(std::move(text)), std::move(etag)};
}

Documents::Document Documents::rendered(const std::string& key, const Render& render) {
  return kept(key, [&] { return document_of(render()); });
}

Documents::Document Documents::kept(const std::string& key, const std::function<Document()>& make) {
  {
    std::lock_guard lock(mutex_);
    auto it = documents_.find(key);
    if (it != documents_.end()) return it->second;
  }
  Document document = make();
  if (document.etag.empty()) return document;
  std::lock_guard lock(mutex_);
  bool full = documents_.size() >= kMaxDocuments || bytes_ + document.body.size() > kMaxBytes;
  if (full) {
    documents_.clear();
    bytes_ = 0;
  }
  bool added = document.body.size() <= kMaxBytes && documents_.emplace(key, document).second;
  if (added) bytes_ += document.body.size();
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

json::Value Documents::openapi_index(const DocumentSource& source) {
  json::Value paths = json::Value::object();
  auto kinds = source.kinds();
  for (const auto& at : group_versions(kinds)) {
    std::string path = openapi_path(at);
    auto document =
        rendered(source.tag + "/openapi/v3/" + path, [&] { return openapi_v3(kinds, at); });
    std::string hash = document.etag.substr(1, document.etag.size() - 2);
    std::string url = fmt::format("{}/openapi/v3/{}?hash={}", source.prefix, path, hash);
    paths.set(path, json::Value::object({{"serverRelativeURL", url}}));
  }
  return json::Value::object({{"paths", std::move(paths)}});
}

Documents::Document Documents::discovery(const http::Request& request, const std::string& path,
                                         const DocumentSource& source, std::string_view& type) {
  auto parts = split(std::string_view(path).substr(1), '/');
  while (parts.size() > 1 && parts.back().empty()) parts.pop_back();
  bool core = parts[0] == "api";
  if (parts.size() == 1) {
    Form form = value_or_throw(negotiate(request.headers.get("accept")));
    if (form.aggregated_discovery) {
      type = kAggregatedType;
      return rendered(source.tag + "/aggregated" + path,
                      [&] { return aggregated(source.kinds(), core); });
    }
    // This one tells the address that was asked, so it is not shared.
    if (core) return document_of(api_versions(request.authority));
    return rendered(source.tag + path, [&] { return group_list(source.kinds()); });
  }
  if (core && parts.size() == 2) {
    return rendered(source.tag + path, [&] { return resource_list(source.kinds(), "", parts[1]); });
  }
  if (!core && parts.size() == 2) {
    return rendered(source.tag + path, [&] { return group(source.kinds(), parts[1]); });
  }
  if (!core && parts.size() == 3) {
    return rendered(source.tag + path,
                    [&] { return resource_list(source.kinds(), parts[1], parts[2]); });
  }
  return {};
}

Documents::Document Documents::openapi(const http::Request& request, const std::string& path,
                                       const DocumentSource& source, std::string_view& type) {
  if (path == "/openapi/v2") {
    if (accepts_protobuf(request.headers.get("accept"))) {
      type = kOpenApiV2ProtobufAnswer;
      return kept(source.tag + path + " protobuf",
                  [&] { return document_of(encode_openapi_v2(openapi_v2(source.kinds()))); });
    }
    return rendered(source.tag + path, [&] { return openapi_v2(source.kinds()); });
  }
  if (path == "/openapi/v3" || path == "/openapi/v3/") {
    return rendered(source.tag + source.prefix + " /openapi/v3",
                    [&] { return openapi_index(source); });
  }
  auto parts = split(std::string_view(path).substr(1), '/');
  bool core = parts.size() == 4 && parts[2] == "api";
  bool named = parts.size() == 5 && parts[2] == "apis";
  if (parts[1] != "v3" || (!core && !named)) return {};
  object::GroupVersion at{named ? std::string(parts[3]) : "", std::string(parts.back())};
  return rendered(source.tag + path, [&] { return openapi_v3(source.kinds(), at); });
}

Task<bool> Documents::answer(const http::Request& request, const std::string& given_path,
                             const DocumentSource& source, http::ResponseWriter& response) {
  // One document has one name, or a client could fill the memory of all with copies.
  std::string path = given_path;
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  auto below = [&](std::string_view root) {
    return path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '/');
  };
  Document document;
  std::string_view type = "application/json";
  if (below("/api") || below("/apis")) {
    document = discovery(request, path, source, type);
  } else if (path.starts_with("/openapi/")) {
    document = openapi(request, path, source, type);
  }
  if (document.etag.empty()) co_return false;
  co_await send(request, document, type, response);
  co_return true;
}

}  // namespace server
