#include <fmt/format.h>

#include <functional>
#include <utility>

#include "base/error.h"
#include "base/strings.h"
#include "cache/sequence.h"
#include "json/text.h"
#include "server/continue_token.h"
#include "server/handlers/handlers.h"

namespace server {
namespace {

// Small objects are gathered into pieces of this size: a piece costs more than its bytes. With the
// last one a piece is at most 32 KiB, which the allocator keeps at hand.
constexpr std::size_t kBatch = 24 * 1024;
constexpr std::size_t kMaxGathered = 8 * 1024 - 1;  // larger ones are sent as they lie

struct Page {
  cache::Sequence items;
  std::string continue_token = "";
  std::size_t remaining = 0;  // how many are left out, when it is known
};

// A page of the past, from the store's history: how later pages show what the first page's revision
// showed. The store forgets after some minutes; then the client is told to start again.
Task<cache::Snapshot> page_of_the_past(Exchange& exchange, const cache::Filter& filter,
                                       const ContinueToken& token, std::size_t limit) {
  auto table = exchange.call.kind->table();
  std::string prefix = cache::storage_key(table, {exchange.call.cluster, exchange.call.ns, ""});
  if (exchange.call.ns.empty()) prefix.pop_back();  // all namespaces
  cache::Key from = token.next;
  from.cluster = exchange.call.cluster;
  storage::RangeOptions range{cache::storage_key(table, from), storage::prefix_end(prefix),
                              storage::Revision{token.revision},
                              filter.selects_all() && limit != 0 ? limit + 1 : 0};
  std::optional<Error> failure;
  storage::RangeResult result;
  try {
    result = co_await exchange.registry.store().range(std::move(range));
  } catch (const Error& error) {
    failure = error;
  }
  if (failure && failure->reason() == Reason::Expired) {
    throw Error(Reason::Expired,
                "The provided continue parameter is too old to display a consistent list result. "
                "You can start a new list without the continue parameter.");
  }
  if (failure) throw *failure;
  cache::Snapshot snapshot;
  snapshot.revision = storage::number(result.revision);
  for (const storage::Record& record : result.records) {
    auto item = cache::make_item(record);
    if (!item || !filter.accepts(*item)) continue;
    if (limit != 0 && snapshot.items.size() == limit) {
      snapshot.next = item->key();
      break;
    }
    snapshot.items.push_back(std::move(item));
  }
  co_return snapshot;
}

Page page_of(cache::Snapshot snapshot) {
  Page page{cache::Sequence(std::move(snapshot.items), snapshot.revision)};
  if (snapshot.next) {
    page.continue_token = print_continue_token({snapshot.revision, *snapshot.next});
    page.remaining = snapshot.remaining;
  }
  return page;
}

Task<Page> take_page(Exchange& exchange) {
  if (is_usage(*exchange.call.kind)) co_return page_of(co_await list_usage(exchange));
  const Query& query = exchange.info.query;
  std::size_t limit = 0;
  if (std::string text = query.get("limit"); !text.empty()) {
    auto number = parse_u64(text);
    if (!number) throw Error::bad_request("limit must be a number: " + quote(text));
    limit = *number;
  }
  auto& objects = exchange.registry.objects();
  if (std::string text = query.get("resourceVersion"); !text.empty() && text != "0") {
    auto revision = parse_u64(text);
    if (!revision) throw Error::bad_request("invalid resource version " + quote(text));
    co_await objects.wait_until(*revision);
  }
  cache::Filter filter = filter_of(exchange);
  auto& table = objects.table(exchange.call.kind->table());
  std::string text = query.get("continue");
  if (text.empty()) {
    if (limit == 0) co_return Page{table.sequence(filter)};
    co_return page_of(table.list(filter, limit));
  }
  auto token = value_or_throw(parse_continue_token(text));
  // Over all clusters the keys do not lie side by side: there, later pages show the present.
  bool present = exchange.call.cluster == "*" || token.revision == objects.revision();
  if (!present) co_return page_of(co_await page_of_the_past(exchange, filter, token, limit));
  if (exchange.call.cluster != "*") token.next.cluster = exchange.call.cluster;
  cache::Snapshot snapshot = table.list(filter, limit, token.next);
  snapshot.revision = token.revision;
  co_return page_of(std::move(snapshot));
}

json::Value list_metadata(const Page& page) {
  json::Value metadata =
      json::Value::object({{"resourceVersion", std::to_string(page.items.revision())}});
  if (!page.continue_token.empty()) {
    metadata.set("continue", page.continue_token);
    if (page.remaining > 0) {
      metadata.set("remainingItemCount", static_cast<std::int64_t>(page.remaining));
    }
  }
  return metadata;
}

// The list as it stands in the cache: buffers one after another, nothing parsed.
Task<> stream_objects(Exchange& exchange, Page page) {
  const auto& call = exchange.call;
  co_await exchange.response.start(200, headers_for(exchange));
  std::string version = call.kind->api_version(call.version->name);
  std::string batch = fmt::format(R"({{"kind":"{}","apiVersion":"{}","metadata":{},"items":[)",
                                  call.kind->list_kind, version, json::print(list_metadata(page)));
  bool first = true;
  while (const cache::ItemPtr* next = page.items.next()) {
    const cache::Item& item = **next;
    if (!std::exchange(first, false)) batch += ',';
    if (item.size() <= kMaxGathered && item.api_version() == version) {
      item.append_to(batch);
    } else {
      for (Bytes& piece : pieces_of(call, *next)) {
        if (piece.size() <= kMaxGathered) {
          batch += piece.view();
          continue;
        }
        co_await exchange.response.write(Bytes(std::exchange(batch, {})));
        co_await exchange.response.write(std::move(piece));
      }
    }
    if (batch.size() < kBatch) continue;
    co_await exchange.response.write(Bytes(std::exchange(batch, {})));
    batch.reserve(kBatch + kMaxGathered - 1);  // and the closing zero
  }
  co_await exchange.response.write(Bytes(batch + "]}\n"));
  co_await exchange.response.finish();
}

// A list whose items are made of what is stored, one after another: all of them at once would be
// many times what they are in the cache. `list` is the answer without its items, `field` their
// name.
Task<> stream_made(Exchange& exchange, Page page, json::Value list, std::string_view field,
                   std::function<json::Value(const json::Value& object)> make) {
  co_await exchange.response.start(200, headers_for(exchange));
  std::string head = json::print(list);
  head.back() = ',';
  co_await exchange.response.write(Bytes(head + quote(field) + ":["));
  bool first = true;
  while (const cache::ItemPtr* item = page.items.next()) {
    std::string text = json::print(make(exchange.registry.decode(**item, exchange.call)));
    if (!std::exchange(first, false)) text.insert(0, ",");
    co_await exchange.response.write(Bytes(std::move(text)));
  }
  co_await exchange.response.write(Bytes::literal("]}\n"));
  co_await exchange.response.finish();
}

Task<> send_table(Exchange& exchange, Page page) {
  auto include = value_or_throw(parse_include_object(exchange.info.query.get("includeObject")));
  json::Value table = empty_table("");
  table.set("metadata", list_metadata(page));
  table.set("columnDefinitions", column_definitions(*exchange.call.version));
  table.erase("rows");
  return stream_made(
      exchange, std::move(page), std::move(table), "rows",
      [&version = *exchange.call.version, include, now = exchange.registry.clock().now()](
          const json::Value& object) { return table_row(version, object, include, now); });
}

Task<> send_partial(Exchange& exchange, Page page) {
  json::Value list = json::Value::object({{"kind", "PartialObjectMetadataList"},
                                          {"apiVersion", "meta.k8s.io/v1"},
                                          {"metadata", list_metadata(page)}});
  return stream_made(exchange, std::move(page), std::move(list), "items",
                     [](const json::Value& object) { return partial_object(object); });
}

}  // namespace

// GET of a collection.
Task<> handle_list(Exchange& exchange) {
  Page page = co_await take_page(exchange);
  switch (exchange.form.kind) {
    case Form::Kind::Table: co_await send_table(exchange, std::move(page)); break;
    case Form::Kind::Partial: co_await send_partial(exchange, std::move(page)); break;
    default: co_await stream_objects(exchange, std::move(page)); break;
  }
}

}  // namespace server
