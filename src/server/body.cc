#include "server/body.h"

#include <fmt/format.h>

#include "base/child_task.h"
#include "base/error.h"
#include "base/strings.h"
#include "json/size.h"
#include "json/text.h"
#include "schema/protobuf.h"

namespace server {
namespace {

constexpr Duration kBodyLimit = 60s;

std::string media_type(const http::Request& request) {
  std::string_view header = request.headers.get("content-type");
  return lower(trim(header.substr(0, header.find(';'))));
}

// How errors begin.
struct Wording {
  std::string_view malformed;
  std::string_view strict = "strict decoding error: ";
};

void report_duplicates(const std::vector<std::string>& paths, registry::FieldValidation validation,
                       const Wording& wording, std::vector<std::string>& warnings) {
  if (paths.empty() || validation == registry::FieldValidation::Ignore) return;
  std::vector<std::string> texts;
  for (const std::string& path : paths) texts.push_back("duplicate field " + quote(path));
  if (validation == registry::FieldValidation::Strict) {
    throw Error::bad_request(std::string(wording.strict) + join(texts, ", "));
  }
  warnings.insert(warnings.end(), texts.begin(), texts.end());
}

Task<json::Value> read_body(http::Request& request, registry::FieldValidation validation,
                            std::vector<std::string>& warnings, Wording wording) {
  std::string type = media_type(request);
  std::string text = co_await with_deadline(http::read_all(*request.body, kMaxBodyBytes),
                                            kBodyLimit, "the request body does not arrive in time");
  if (text.empty()) co_return json::Value();
  if (type == "application/vnd.kubernetes.protobuf") {
    co_return value_or_throw(schema::decode_protobuf(text));
  }
  bool yaml = type.find("yaml") != std::string::npos;
  bool json = type.empty() || type.find("json") != std::string::npos;
  if (!yaml && !json) {
    throw Error(Reason::UnsupportedMediaType,
                fmt::format("the body of the request was in an unknown format - accepted media "
                            "types include: application/json, application/yaml, "
                            "application/vnd.kubernetes.protobuf"));
  }
  std::vector<std::string> duplicates;
  json::ParseOptions options;
  options.duplicates = &duplicates;
  auto value = yaml ? json::parse_yaml(text, options) : json::parse(text, options);
  if (!value) {
    throw Error(value.error().reason(), std::string(wording.malformed) + value.error().message());
  }
  if (!json::is_within(*value, 2 * kMaxBodyBytes)) {  // by aliases of YAML
    throw Error(Reason::RequestEntityTooLarge, "the body of the request expands to too much");
  }
  report_duplicates(duplicates, validation, wording, warnings);
  co_return std::move(*value);
}

}  // namespace

Task<json::Value> read_object(http::Request& request, registry::FieldValidation validation,
                              std::vector<std::string>& warnings) {
  return read_body(request, validation, warnings, {});
}

Task<json::Value> read_config(http::Request& request, registry::FieldValidation validation,
                              std::vector<std::string>& warnings) {
  return read_body(request, validation, warnings,
                   {"error decoding patch: ", "error strict decoding patch: "});
}

void check_type(const registry::Call& call, json::Value& object) {
  if (!object.is_object()) throw Error::bad_request("the body must be an object");
  std::string wanted = call.kind->api_version(call.version->name);
  std::string version = object["apiVersion"].str(), kind = object["kind"].str();
  if (!version.empty() && version != wanted) {
    throw Error::bad_request(
        fmt::format("the API version in the data ({}) does not match the expected API version ({})",
                    version, wanted));
  }
  if (!kind.empty() && kind != call.kind->kind) {
    throw Error::bad_request(fmt::format("{} in version {} cannot be handled as a {}", kind,
                                         quote(call.version->name), call.kind->kind));
  }
  object.set("apiVersion", wanted);
  object.set("kind", call.kind->kind);
  if (!object["metadata"].is_object()) object.set("metadata", json::Value::object());
}

}  // namespace server
