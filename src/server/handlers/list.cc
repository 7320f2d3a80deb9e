#include <fmt/format.h>

#include <functional>
#include <utility>

#include "base/error.h"
#include "base/strings.h"
#include "cache/item.h"
#include "json/text.h"
#include "server/continue_token.h"
#include "server/handlers/handlers.h"

namespace server {
namespace {

// Small objects are gathered into pieces of this size: a piece costs more than its bytes.
constexpr std::size_t kBatch = 32 * 1024;
constexpr std::size_t kAhead = 3, kFetched = 1280, kCacheLine = 64;  // items, bytes of each
constexpr std::size_t kMaxGathered = 8 * 1024;  // larger ones are sent as they lie

struct Page {
  cache::Snapshot snapshot;
  std::string continue_token;
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
  bool selects = !filter.labels.matches_everything() || filter.matches || !filter.name.empty();
  storage::RangeOptions range{cache::storage_key(table, from), storage::prefix_end(prefix),
                              storage::Revision{token.revision},
                              selects || limit == 0 ? 0 : limit + 1};
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

Task<Page> take_page(Exchange& exchange) {
  if (is_usage(*exchange.call.kind)) co_return Page{co_await list_usage(exchange), {}};
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
  Page page;
  if (std::string text = query.get("continue"); text.empty()) {
    page.snapshot = objects.table(exchange.call.kind->table()).list(filter, limit);
  } else {
    auto token = value_or_throw(parse_continue_token(text));
    // Over all clusters the keys do not lie side by side: there, later pages show the present.
    bool present = exchange.call.cluster == "*" || token.revision == objects.revision();
    if (!present) {
      page.snapshot = co_await page_of_the_past(exchange, filter, token, limit);
    } else {
      if (exchange.call.cluster != "*") token.next.cluster = exchange.call.cluster;
      page.snapshot = objects.table(exchange.call.kind->table()).list(filter, limit, token.next);
      page.snapshot.revision = token.revision;
    }
  }
  if (page.snapshot.next) {
    page.continue_token = print_continue_token({page.snapshot.revision, *page.snapshot.next});
  }
  co_return page;
}

json::Value list_metadata(const Page& page) {
  json::Value metadata =
      json::Value::object({{"resourceVersion", std::to_string(page.snapshot.revision)}});
  if (!page.continue_token.empty()) {
    metadata.set("continue", page.continue_token);
    if (page.snapshot.remaining > 0) {
      metadata.set("remainingItemCount", static_cast<std::int64_t>(page.snapshot.remaining));
    }
  }
  return metadata;
}

// A large list is in no cache of the processor: what comes next is fetched from memory while what
// is before it is encrypted. An item is one block; a longer one is fetched on by the processor.
void fetch_soon(const cache::ItemPtr& item) {
  const char* block = reinterpret_cast<const char*>(item.get());
  for (std::size_t at = 0; at < kFetched; at += kCacheLine) __builtin_prefetch(block + at);
}

// The list as it stands in the cache: buffers one after another, nothing parsed.
Task<> stream_objects(Exchange& exchange, const Page& page) {
  const auto& call = exchange.call;
  co_await exchange.response.start(200, headers_for(exchange));
  std::string version = call.kind->api_version(call.version->name);
  std::string batch = fmt::format(R"({{"kind":"{}","apiVersion":"{}","metadata":{},"items":[)",
                                  call.kind->list_kind, version, json::print(list_metadata(page)));
  bool first = true;
  const auto& items = page.snapshot.items;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i + kAhead < items.size()) fetch_soon(items[i + kAhead]);
    const cache::ItemPtr& item = items[i];
    if (!std::exchange(first, false)) batch += ',';
    if (item->size() <= kMaxGathered && item->api_version() == version) {
      item->append_to(batch);
    } else {
      for (Bytes& piece : pieces_of(call, item)) {
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
    batch.reserve(kBatch + kMaxGathered);
  }
  co_await exchange.response.write(Bytes(batch + "]}\n"));
  co_await exchange.response.finish();
}

// A list whose items are made of what is stored, one after another: all of them at once would be
// many times what they are in the cache. `list` is the answer without its items, `field` their
// name.
Task<> stream_made(Exchange& exchange, const Page& page, json::Value list, std::string_view field,
                   std::function<json::Value(const json::Value& object)> make) {
  co_await exchange.response.start(200, headers_for(exchange));
  std::string head = json::print(list);
  head.back() = ',';
  co_await exchange.response.write(Bytes(head + quote(field) + ":["));
  bool first = true;
  for (const cache::ItemPtr& item : page.snapshot.items) {
    std::string text = json::print(make(exchange.registry.decode(*item, exchange.call)));
    if (!std::exchange(first, false)) text.insert(0, ",");
    co_await exchange.response.write(Bytes(std::move(text)));
  }
  co_await exchange.response.write(Bytes::literal("]}\n"));
  co_await exchange.response.finish();
}

Task<> send_table(Exchange& exchange, const Page& page) {
  auto include = value_or_throw(parse_include_object(exchange.info.query.get("includeObject")));
  json::Value table = empty_table("");
  table.set("metadata", list_metadata(page));
  table.set("columnDefinitions", column_definitions(*exchange.call.version));
  table.erase("rows");
  return stream_made(
      exchange, page, std::move(table), "rows",
      [&version = *exchange.call.version, include, now = exchange.registry.clock().now()](
          const json::Value& object) { return table_row(version, object, include, now); });
}

Task<> send_partial(Exchange& exchange, const Page& page) {
  json::Value list = json::Value::object({{"kind", "PartialObjectMetadataList"},
                                          {"apiVersion", "meta.k8s.io/v1"},
                                          {"metadata", list_metadata(page)}});
  return stream_made(exchange, page, std::move(list), "items",
                     [](const json::Value& object) { return partial_object(object); });
}

}  // namespace

// GET of a collection.
Task<> handle_list(Exchange& exchange) {
  Page page = co_await take_page(exchange);
  switch (exchange.form.kind) {
    case Form::Kind::Table: co_await send_table(exchange, page); break;
    case Form::Kind::Partial: co_await send_partial(exchange, page); break;
    default: co_await stream_objects(exchange, page); break;
  }
}

}  // namespace server
