#include <fmt/format.h>

#include "base/error.h"
#include "server/body.h"
#include "server/handlers/handlers.h"
#include "server/scale.h"
#include "server/write_options.h"

namespace server {
namespace {

void check_kind(const json::Value& config, std::string_view api_version, std::string_view kind) {
  if (!config.is_object()) {
    throw Error::bad_request("error decoding patch: an apply configuration must be an object");
  }
  std::string version = config["apiVersion"].str();
  if (config["kind"].as_string() == kind && version == api_version) return;
  if (!version.contains('/')) version = "/" + version;
  throw Error::bad_request(
      fmt::format("invalid object type: {}, Kind={}", version, config["kind"].as_string()));
}

// The Scale as what it says of the object that it scales.
json::Value scaled_config(const registry::Call& call, const json::Value& scale) {
  json::Value object = json::Value::object(
      {{"apiVersion", call.kind->api_version(call.version->name)}, {"kind", call.kind->kind}});
  if (scale.contains("metadata")) object.set("metadata", scale["metadata"]);
  return value_or_throw(with_scale(*call.version->scale, std::move(object), scale));
}

}  // namespace

// PATCH with application/apply-patch+yaml.
Task<> handle_apply(Exchange& exchange) {
  check_field_manager(exchange.info);
  json::Value config =
      co_await read_config(exchange.request, exchange.call.field_validation, exchange.warnings);
  const auto& call = exchange.call;
  bool scale = call.subresource == "scale";
  std::string version = scale ? "autoscaling/v1" : call.kind->api_version(call.version->name);
  check_kind(config, version, scale ? "Scale" : call.kind->kind);
  if (scale) config = scaled_config(call, config);
  registry::ApplyOptions options{force_of(exchange.info, true), exchange.may_create};
  auto written = co_await exchange.registry.apply(call, std::move(config), std::move(options));
  co_await send_written(exchange, std::move(written));
}

}  // namespace server
