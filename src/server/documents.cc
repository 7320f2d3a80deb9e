#include "server/documents.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/loop.h"
#include "base/strings.h"
#include "json/text.h"
#include "schema/digest.h"
#include "server/accept.h"
#include "server/openapi.h"
#include "server/openapi_protobuf.h"
#include "server/request_info.h"

namespace server {
namespace {

constexpr int kKindsPerTurn = 32;  // some milliseconds of a loop that others wait for
constexpr std::string_view kJson = "application/json";
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

Document document_of(const json::Value& value) {
  if (value.is_null()) return {};
  std::string text = json::print(value);
  std::string etag = quote(schema::sha256_hex(text));
  return {Bytes(std::move(text)), std::move(etag)};
}

Task<> send(const http::Request& request, const Document& document, http::Headers headers,
            http::ResponseWriter& response) {
  headers.set("vary", "Accept");
  headers.set("etag", document.etag);
  if (request.headers.get("if-none-match") == document.etag) {
    co_await response.send(304, std::move(headers), Bytes());
  } else {
    co_await response.send(200, std::move(headers), document.body);
  }
}

Kinds kinds_of(const DocumentSource& source, const std::string& group) {
  if (source.kinds_of) return source.kinds_of(group);
  Kinds kinds = source.kinds();
  std::erase_if(kinds, [&](const auto& kind) { return kind->group != group; });
  return kinds;
}

json::Value openapi_index(const DocumentSource& source) {
  json::Value paths = json::Value::object();
  Kinds kinds = source.kinds();
  for (const GroupVersionKinds& part : by_group_version(kinds)) {
    std::string path = openapi_path(part.at);
    std::string url =
        fmt::format("{}/openapi/v3/{}?hash={}", source.prefix, path, openapi_digest(part));
    paths.set(path, json::Value::object({{"serverRelativeURL", url}}));
  }
  return json::Value::object({{"paths", std::move(paths)}});
}

// Lets others have the loop.
Task<> next_turn() {
  Loop& loop = co_await current_loop();
  co_await wait_for<Done>(
      [&](Resolver<Done> done) { loop.post([done] { done.resolve(Done{}); }); });
}

// What the parts refer to must outlive this.
Task<std::string> written(OpenApiText::Form form, std::vector<GroupVersionKinds> parts) {
  OpenApiText text(form);
  int turn = 0;
  for (const GroupVersionKinds& part : parts) {
    for (const registry::Kind* kind : part.kinds) {
      text.add(*kind, *kind->find_version(part.at.version));
      if (++turn % kKindsPerTurn == 0) co_await next_turn();
    }
  }
  co_return text.finish();
}

}  // namespace

Document Documents::rendered(const std::string& key, const Render& render) {
  if (auto known = store_.find(key)) return *known;
  Document document = document_of(render());
  if (!document.etag.empty()) store_.add(key, document);
  return document;
}

Document Documents::discovery(const http::Request& request, const std::string& path,
                              const DocumentSource& source, std::string_view& type) {
  auto parts = split(std::string_view(path).substr(1), '/');
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
  std::string name(core ? "" : parts[1]);
  if (!core && parts.size() == 2) {
    return rendered(source.tag + path, [&] { return group(kinds_of(source, name), name); });
  }
  if (parts.size() != (core ? 2U : 3U)) return {};
  return rendered(source.tag + path,
                  [&] { return resource_list(kinds_of(source, name), name, parts.back()); });
}

Task<> Documents::send_openapi(const http::Request& request, OpenApiText::Form form,
                               std::string digest, std::vector<GroupVersionKinds> parts,
                               http::Headers headers, http::ResponseWriter& response) {
  Document document{{}, quote(digest)};
  if (request.headers.get("if-none-match") != document.etag) {
    if (auto known = store_.find(digest)) {
      document = *known;
    } else {
      document.body = Bytes(co_await written(form, std::move(parts)));
      store_.add(digest, document);
    }
  }
  co_await send(request, document, std::move(headers), response);
}

Task<bool> Documents::answer_openapi_v2(const http::Request& request, const DocumentSource& source,
                                        http::ResponseWriter& response) {
  Kinds kinds = source.kinds();
  auto parts = by_group_version(kinds);
  bool protobuf = accepts_protobuf(request.headers.get("accept"));
  std::string all(protobuf ? "v2 protobuf" : "v2");
  for (const GroupVersionKinds& part : parts) all.append(" ").append(openapi_digest(part));
  http::Headers headers{{"content-type", protobuf ? kOpenApiV2ProtobufAnswer : kJson}};
  co_await send_openapi(request, protobuf ? OpenApiText::Form::V2Protobuf : OpenApiText::Form::V2,
                        schema::sha256_hex(all), std::move(parts), std::move(headers), response);
  co_return true;
}

Task<bool> Documents::answer_openapi_v3(const http::Request& request,
                                        const object::GroupVersion& at,
                                        const DocumentSource& source,
                                        http::ResponseWriter& response) {
  Kinds kinds = kinds_of(source, at.group);
  auto parts = by_group_version(kinds);
  std::erase_if(parts,
                [&](const GroupVersionKinds& part) { return part.at.version != at.version; });
  if (parts.empty()) co_return false;
  std::string digest = openapi_digest(parts.front());
  http::Headers headers{{"content-type", kJson}};
  std::string wanted = Query(request.query()).get("hash");
  if (!wanted.empty() && wanted != digest) {
    headers.set("location",
                fmt::format("{}/openapi/v3/{}?hash={}", source.prefix, openapi_path(at), digest));
    co_await response.send(301, std::move(headers), Bytes());
    co_return true;
  }
  if (!wanted.empty()) headers.set("cache-control", "public, immutable, max-age=31536000");
  co_await send_openapi(request, OpenApiText::Form::V3, std::move(digest), std::move(parts),
                        std::move(headers), response);
  co_return true;
}

Task<bool> Documents::answer_openapi(const http::Request& request, const std::string& path,
                                     const DocumentSource& source, http::ResponseWriter& response) {
  if (path == "/openapi/v2") co_return co_await answer_openapi_v2(request, source, response);
  if (path == "/openapi/v3") {
    Document index = rendered(source.tag + source.prefix + " /openapi/v3",
                              [&] { return openapi_index(source); });
    co_await send(request, index, {{"content-type", kJson}}, response);
    co_return true;
  }
  auto parts = split(std::string_view(path).substr(1), '/');
  bool core = parts.size() == 4 && parts[2] == "api";
  bool named = parts.size() == 5 && parts[2] == "apis";
  if (parts[1] != "v3" || (!core && !named)) co_return false;
  object::GroupVersion at{named ? std::string(parts[3]) : "", std::string(parts.back())};
  co_return co_await answer_openapi_v3(request, at, source, response);
}

Task<bool> Documents::answer(const http::Request& request, const std::string& given_path,
                             const DocumentSource& source, http::ResponseWriter& response) {
  // One document has one name, or a client could fill the memory of all with copies.
  std::string path = given_path;
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  if (path.starts_with("/openapi/")) {
    co_return co_await answer_openapi(request, path, source, response);
  }
  auto below = [&](std::string_view root) {
    return path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '/');
  };
  if (!below("/api") && !below("/apis")) co_return false;
  std::string_view type = kJson;
  Document document = discovery(request, path, source, type);
  if (document.etag.empty()) co_return false;
  co_await send(request, document, {{"content-type", type}}, response);
  co_return true;
}

}  // namespace server
