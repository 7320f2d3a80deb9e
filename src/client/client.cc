#include "client/client.h"

#include "base/error.h"
#include "base/strings.h"
#include "client/watch.h"
#include "json/text.h"

namespace client {
namespace {

constexpr std::size_t kMaxAnswerBytes = 512 * 1024 * 1024;

Reason reason_from(std::string_view text, int code) {
  for (Reason reason :
       {Reason::BadRequest, Reason::Unauthorized, Reason::Forbidden, Reason::NotFound,
        Reason::AlreadyExists, Reason::Conflict, Reason::Gone, Reason::Expired, Reason::Invalid,
        Reason::MethodNotAllowed, Reason::NotAcceptable, Reason::RequestEntityTooLarge,
        Reason::UnsupportedMediaType, Reason::TooManyRequests, Reason::InternalError,
        Reason::ServiceUnavailable, Reason::ServerTimeout, Reason::Timeout,
        Reason::InsufficientStorage}) {
    if (text.empty() ? http_code(reason) == code : to_string(reason) == text) return reason;
  }
  return code >= 500 ? Reason::InternalError : Reason::BadRequest;
}

std::string_view content_type_of(PatchType type) {
  switch (type) {
    case PatchType::Json: return "application/json-patch+json";
    case PatchType::Merge: return "application/merge-patch+json";
    case PatchType::StrategicMerge: return "application/strategic-merge-patch+json";
  }
  return "application/json";
}

std::string ns_of(const json::Value& object) { return object.at("metadata", "namespace").str(); }
std::string name_of(const json::Value& object) { return object.at("metadata", "name").str(); }

// The query of a list or watch, beginning with '?'.
std::string query_of(const ListOptions& options, std::string_view first) {
  std::string query = "?" + std::string(first);
  auto add = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) query.append("&").append(name).append("=").append(percent_encode(value));
  };
  add("labelSelector", options.label_selector);
  add("fieldSelector", options.field_selector);
  return query;
}

}  // namespace

Error error_from_status(const json::Value& status, int code) {
  const json::Value& from = status["details"];
  Error::Details details{from["group"].str(), from["kind"].str(), from["name"].str(),
                         from["uid"].str(), static_cast<int>(from["retryAfterSeconds"].as_int())};
  std::vector<Cause> causes;
  for (const json::Value& cause : from["causes"].elements()) {
    causes.push_back({cause["reason"].str(), cause["field"].str(), cause["message"].str()});
  }
  std::string message = status["message"].str();
  if (message.empty()) message = "the server answered with status " + std::to_string(code);
  return {reason_from(status["reason"].as_string(), code), std::move(message), std::move(details),
          std::move(causes)};
}

std::string resource_path(const Resource& resource, std::string_view ns, std::string_view name,
                          std::string_view subresource) {
  std::string path = resource.group.empty() ? "/api/" + resource.version
                                            : "/apis/" + resource.group + "/" + resource.version;
  if (resource.namespaced && !ns.empty()) path.append("/namespaces/").append(percent_encode(ns));
  path.append("/").append(resource.resource);
  if (!name.empty()) path.append("/").append(percent_encode(name));
  if (!subresource.empty()) path.append("/").append(subresource);
  return path;
}

Client::Client(std::shared_ptr<http::Transport> transport, std::string base_path,
               http::Headers default_headers)
    : transport_(std::move(transport)),
      base_path_(std::move(base_path)),
      headers_(std::move(default_headers)) {}

Client Client::at(std::string base_path) const {
  return Client(transport_, std::move(base_path), headers_);
}

Task<http::Response> Client::send(std::string method, std::string path,
                                  std::optional<json::Value> body, std::string content_type) {
  http::Request request;
  request.method = std::move(method);
  request.target = base_path_ + path;
  request.headers = headers_;
  request.headers.set("accept", "application/json");
  std::string text;
  if (body) {
    request.headers.set("content-type", content_type);
    text = json::print(*body);
    request.headers.set("content-length", std::to_string(text.size()));
  }
  request.body = http::body_of(Bytes(std::move(text)));
  http::Response response = co_await transport_->send(std::move(request));
  if (response.status < 400) co_return response;
  std::string answer = co_await http::read_all(*response.body, kMaxAnswerBytes);
  auto status = json::parse(answer);
  throw error_from_status(status ? *status : json::Value(), response.status);
}

Task<json::Value> Client::call(std::string method, std::string path,
                               std::optional<json::Value> body, std::string content_type) {
  http::Response response =
      co_await send(std::move(method), std::move(path), std::move(body), std::move(content_type));
  std::string answer = co_await http::read_all(*response.body, kMaxAnswerBytes);
  if (answer.empty()) co_return json::Value();
  auto value = json::parse(answer);
  if (!value) throw Error(Reason::InternalError, "the server's answer is not JSON");
  co_return std::move(*value);
}

Task<std::optional<json::Value>> Client::find(Resource resource, std::string ns, std::string name) {
  try {
    co_return co_await call("GET", resource_path(resource, ns, name));
  } catch (const Error& error) {
    if (error.reason() != Reason::NotFound) throw;
  }
  co_return std::nullopt;
}

Task<List> Client::list(Resource resource, std::string ns, ListOptions options) {
  List all;
  std::string token;
  do {
    std::string query = query_of(options, "limit=" + std::to_string(options.page_size));
    if (!token.empty()) query += "&continue=" + percent_encode(token);
    json::Value page = co_await call("GET", resource_path(resource, ns, "") + query);
    std::string kind = page["kind"].str();
    if (kind.ends_with("List")) kind.resize(kind.size() - 4);
    for (const json::Value& item : page["items"].elements()) {
      json::Value object = item;
      if (object["apiVersion"].is_null()) object.set("apiVersion", page["apiVersion"]);
      if (object["kind"].is_null()) object.set("kind", kind);
      all.items.push_back(std::move(object));
    }
    all.resource_version = page.at("metadata", "resourceVersion").str();
    token = page.at("metadata", "continue").str();
  } while (!token.empty());
  co_return all;
}

Task<std::unique_ptr<Watch>> Client::watch(Resource resource, std::string ns,
                                           std::string resource_version, ListOptions options) {
  std::string query = query_of(options, "watch=1&allowWatchBookmarks=true");
  if (!resource_version.empty()) query += "&resourceVersion=" + percent_encode(resource_version);
  http::Response response =
      co_await send("GET", resource_path(resource, ns, "") + query, std::nullopt, "");
  co_return make_watch(std::move(response));
}

Task<json::Value> Client::create(Resource resource, json::Value object) {
  std::string path = resource_path(resource, ns_of(object), "");
  return call("POST", std::move(path), std::move(object));
}

Task<json::Value> Client::ensure(Resource resource, json::Value object) {
  auto present = co_await find(resource, ns_of(object), name_of(object));
  if (present) co_return std::move(*present);
  co_return co_await create(resource, std::move(object));
}

Task<json::Value> Client::update(Resource resource, json::Value object) {
  std::string path = resource_path(resource, ns_of(object), name_of(object));
  return call("PUT", std::move(path), std::move(object));
}

Task<json::Value> Client::update_status(Resource resource, json::Value object) {
  std::string path = resource_path(resource, ns_of(object), name_of(object), "status");
  return call("PUT", std::move(path), std::move(object));
}

Task<json::Value> Client::patch(Resource resource, std::string ns, std::string name, PatchType type,
                                json::Value patch, std::string subresource) {
  return call("PATCH", resource_path(resource, ns, name, subresource), std::move(patch),
              std::string(content_type_of(type)));
}

Task<bool> Client::remove(Resource resource, std::string ns, std::string name, std::string uid) {
  json::Value options = json::Value::object(
      {{"apiVersion", "v1"}, {"kind", "DeleteOptions"}, {"propagationPolicy", "Background"}});
  if (!uid.empty()) options.edit("preconditions", "uid") = uid;
  try {
    co_await call("DELETE", resource_path(resource, ns, name), std::move(options));
    co_return true;
  } catch (const Error& error) {
    if (error.reason() != Reason::NotFound) throw;
  }
  co_return false;
}

}  // namespace client
