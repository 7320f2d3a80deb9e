#include <fmt/format.h>

#include "base/error.h"
#include "json/text.h"
#include "server/handlers/handlers.h"

namespace server {
namespace {

constexpr std::size_t kPage = 500;

json::Value success(const registry::Call& call, const cache::Item& item) {
  json::Value details = json::Value::object({{"name", item.name()}});
  if (!call.kind->group.empty()) details.set("group", call.kind->group);
  details.set("kind", call.kind->plural).set("uid", item.uid());
  return json::Value::object({{"kind", "Status"},
                              {"apiVersion", "v1"},
                              {"metadata", json::Value::object()},
                              {"status", "Success"},
                              {"details", std::move(details)}});
}

// Deletes one item of a collection; one that has gone meanwhile does not matter.
Task<> delete_one(Exchange& exchange, const cache::Item& item,
                  const registry::DeleteOptions& options) {
  registry::Call call = exchange.call;
  call.cluster = item.cluster();
  call.ns = item.ns();
  call.name = item.name();
  call.verb = "delete";
  std::optional<Error> failure;
  try {
    co_await exchange.registry.remove(call, options);
  } catch (const Error& error) {
    failure = error;
  }
  if (failure && failure->reason() != Reason::NotFound) throw *failure;
}

}  // namespace

// DELETE of one object.
Task<> handle_delete(Exchange& exchange) {
  auto options = co_await read_delete_options(exchange);
  auto deleted = co_await exchange.registry.remove(exchange.call, options);
  if (deleted.finalizing) {
    co_await send_item(exchange, 200, deleted.item);
    co_return;
  }
  co_await send_json(exchange, 200, success(exchange.call, *deleted.item));
}

// DELETE of a collection: answers with the list of what was deleted.
Task<> handle_delete_collection(Exchange& exchange) {
  auto options = co_await read_delete_options(exchange);
  cache::Filter filter = filter_of(exchange);
  auto& table = exchange.registry.objects().table(exchange.call.kind->table());
  json::Value items = json::Value::array();
  std::optional<cache::Key> from;
  std::uint64_t revision = 0;
  do {
    auto page = table.list(filter, kPage, from);
    revision = page.revision;
    for (const auto& item : page.items) {
      co_await delete_one(exchange, *item, options);
      items.push_back(exchange.registry.decode(*item, exchange.call));
    }
    from = page.next;
  } while (from);
  const auto& kind = *exchange.call.kind;
  json::Value list = json::Value::object(
      {{"kind", kind.list_kind},
       {"apiVersion", kind.api_version(exchange.call.version->name)},
       {"metadata", json::Value::object({{"resourceVersion", std::to_string(revision)}})},
       {"items", std::move(items)}});
  co_await send_json(exchange, 200, list);
}

}  // namespace server
