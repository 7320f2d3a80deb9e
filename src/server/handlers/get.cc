#include "base/error.h"
#include "json/patch.h"
#include "server/handlers/handlers.h"
#include "server/scale.h"

namespace server {

// GET of one object or its status or scale.
Task<> handle_get(Exchange& exchange) {
  if (is_usage(*exchange.call.kind)) {
    co_return co_await send_item(exchange, 200, co_await find_usage(exchange));
  }
  auto item = exchange.registry.get(exchange.call);
  if (exchange.call.subresource == "scale") {
    json::Value object = exchange.registry.decode(*item, exchange.call);
    co_await send_json(exchange, 200, scale_of(*exchange.call.version->scale, object));
    co_return;
  }
  co_await send_item(exchange, 200, item);
}

}  // namespace server
