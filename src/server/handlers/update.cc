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
  exchange.warnings.insert(exchange.warnings.end(), written.warnings.begin(),
                           written.warnings.end());
  if (scale) {
    json::Value after = exchange.registry.decode(*written.item, exchange.call);
    co_await send_json(exchange, 200, scale_of(*exchange.call.version->scale, after));
    co_return;
  }
  co_await send_item(exchange, 200, written.item);
}

}  // namespace server
