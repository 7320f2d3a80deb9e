#include "base/error.h"
#include "server/body.h"
#include "server/handlers/handlers.h"
#include "server/newest.h"

namespace server {

namespace {

Task<> create_subresource(Exchange& exchange) {
  const registry::Call& call = exchange.call;
  if (!call.kind->rules) throw Error::not_found(call.kind->group, call.kind->plural, call.name);
  json::Value body =
      co_await read_object(exchange.request, call.field_validation, exchange.warnings);
  auto answer = co_await call.kind->rules->create_subresource(call, std::move(body));
  exchange.warnings.insert(exchange.warnings.end(), answer.warnings.begin(), answer.warnings.end());
  co_await send_json(exchange, 201, answer.object);
}

}  // namespace

// POST to a collection, or to a sub-resource that takes it.
Task<> handle_create(Exchange& exchange) {
  if (!exchange.call.subresource.empty()) co_return co_await create_subresource(exchange);
  json::Value object =
      co_await read_object(exchange.request, exchange.call.field_validation, exchange.warnings);
  check_type(exchange.call, object);
  auto& registry = exchange.registry;
  auto create = [&] { return registry.create(exchange.call, object); };
  auto written = registry.store().shared()
                     ? co_await attempt_with_newest(registry, create)
                     : co_await registry.create(exchange.call, std::move(object));
  co_await send_written(exchange, std::move(written));
}

}  // namespace server
