#include "json/patch.h"

#include "apply/strategic_merge.h"
#include "base/error.h"
#include "base/strings.h"
#include "server/body.h"
#include "server/handlers/handlers.h"
#include "server/scale.h"
#include "server/write_options.h"

namespace server {
namespace {

enum class PatchType { Json, Merge, Strategic, Apply };

PatchType patch_type(const Exchange& exchange) {
  std::string_view header = exchange.request.headers.get("content-type");
  std::string type = lower(trim(header.substr(0, header.find(';'))));
  if (type == "application/json-patch+json") return PatchType::Json;
  if (type == "application/merge-patch+json") return PatchType::Merge;
  if (type == "application/apply-patch+yaml") return PatchType::Apply;
  bool builtin = exchange.call.kind->builtin;
  if (type == "application/strategic-merge-patch+json" && builtin) return PatchType::Strategic;
  std::string accepted = "application/json-patch+json, application/merge-patch+json";
  if (builtin) accepted += ", application/strategic-merge-patch+json";
  accepted += ", application/apply-patch+yaml";
  throw Error(Reason::UnsupportedMediaType,
              "the body of the request was in an unknown format - accepted media types include: " +
                  accepted);
}

Result<json::Value> apply_patch(PatchType type, const registry::Call& call,
                                const json::Value& target, const json::Value& patch) {
  switch (type) {
    case PatchType::Json: {
      auto result = json::apply_json_patch(target, patch);
      if (!result && result.error().reason() == Reason::Invalid) {
        return std::unexpected(Error(
            Reason::Invalid, "the server rejected our request due to an error in our request"));
      }
      return result;
    }
    case PatchType::Merge:
      if (!patch.is_object())
        return std::unexpected(Error::bad_request("a merge patch must be an object"));
      return json::apply_merge_patch(target, patch);
    case PatchType::Strategic: return apply::strategic_merge(target, patch, *call.version->schema);
    case PatchType::Apply: break;  // handle_apply()
  }
  return target;
}

}  // namespace

// PATCH of an object, its status or its scale.
Task<> handle_patch(Exchange& exchange) {
  const PatchType type = patch_type(exchange);
  if (type == PatchType::Apply) co_return co_await handle_apply(exchange);
  force_of(exchange.info, false);
  json::Value patch =
      co_await read_object(exchange.request, exchange.call.field_validation, exchange.warnings);
  const auto& call = exchange.call;
  bool scale = call.subresource == "scale";
  auto change = [&](const json::Value& present) -> Result<json::Value> {
    if (!scale) return apply_patch(type, call, present, patch);
    auto wanted = apply_patch(type, call, scale_of(*call.version->scale, present), patch);
    if (!wanted) return wanted;
    return with_scale(*call.version->scale, present, *wanted);
  };
  auto written = co_await exchange.registry.update(call, change);
  co_await send_written(exchange, std::move(written));
}

}  // namespace server
