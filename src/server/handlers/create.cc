#include "base/error.h"
#include "server/body.h"
#include "server/handlers/handlers.h"

namespace server {

// POST to a collection.
Task<> handle_create(Exchange& exchange) {
  if (!exchange.call.subresource.empty()) {
    throw Error::not_found(exchange.call.kind->group, exchange.call.kind->plural,
                           exchange.call.name);
  }
  json::Value object =
      co_await read_object(exchange.request, exchange.call.field_validation, exchange.warnings);
  check_type(exchange.call, object);
  auto written = co_await exchange.registry.create(exchange.call, std::move(object));
  exchange.warnings.insert(exchange.warnings.end(), written.warnings.begin(),
                           written.warnings.end());
  co_await send_item(exchange, 201, *written.item);
}

}  // namespace server
