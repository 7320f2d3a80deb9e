#include "base/error.h"
#include "server/body.h"
#include "server/handlers/handlers.h"
#include "server/scale.h"

namespace server {

// PUT of an object, its status or its scale.
Task<> handle_update(Exchange& exchange) {
  json::Value object =
      co_await read_object(exchange.request, exchange.call.field_validation, exchange.warnings);
  bool scale = exchange.call.subresource == "scale";
  if (!scale) check_type(exchange.call, object);
  auto change = [&](const json::Value& present) -> Result<json::Value> {
    if (scale) return with_scale(*exchange.call.version->scale, present, object);
    return object;
  };
  auto written = co_await exchange.registry.update(exchange.call, change);
  co_await send_written(exchange, std::move(written));
}

}  // namespace server
