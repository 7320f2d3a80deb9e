#include <fmt/format.h>

#include "base/error.h"
#include "base/strings.h"
#include "json/text.h"
#include "server/continue_token.h"
#include "server/handlers/handlers.h"

namespace server {
namespace {

struct Page {
  cache::Snapshot snapshot;
  std::string continue_token;
};

Task<Page> take_page(Exchange& exchange) {
  const Query& query = exchange.info.query;
  std::size_t limit = 0;
  if (std::string text = query.get("limit"); !text.empty()) {
    auto number = parse_u64(text);
    if (!number) throw Error::bad_request("limit must be a number: " + quote(text));
    limit = *number;
  }
  std::optional<cache::Key> from;
  std::uint64_t pinned = 0;
  if (std::string text = query.get("continue"); !text.empty()) {
    auto token = value_or_throw(parse_continue_token(text));
    from = token.next;
    if (exchange.call.cluster != "*") from->cluster = exchange.call.cluster;
    pinned = token.revision;
  }
  if (std::string text = query.get("resourceVersion"); !text.empty() && text != "0") {
    auto revision = parse_u64(text);
    if (!revision) throw Error::bad_request("invalid resource version " + quote(text));
    co_await exchange.registry.objects().wait_until(*revision);
  }
  cache::Filter filter = filter_of(exchange);
  auto& table = exchange.registry.objects().table(exchange.call.kind->table());
  Page page{table.list(filter, limit, from), ""};
  // Later pages tell the revision of the first: a watch from there misses nothing.
  if (pinned != 0) page.snapshot.revision = pinned;
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

// The list as it stands in the cache: buffers one after another, nothing parsed.
Task<> stream_objects(Exchange& exchange, const Page& page) {
  const auto& call = exchange.call;
  co_await exchange.response.start(200, headers_for(exchange));
  std::string head = fmt::format(R"({{"kind":"{}","apiVersion":"{}","metadata":{},"items":[)",
                                 call.kind->list_kind, call.kind->api_version(call.version->name),
                                 json::print(list_metadata(page)));
  co_await exchange.response.write(Bytes(std::move(head)));
  bool first = true;
  for (const cache::ItemPtr& item : page.snapshot.items) {
    if (!first) co_await exchange.response.write(Bytes::literal(","));
    first = false;
    for (Bytes& piece : pieces_of(call, *item)) {
      co_await exchange.response.write(Bytes(item, piece.view()));
    }
  }
  co_await exchange.response.write(Bytes::literal("]}\n"));
  co_await exchange.response.finish();
}

Task<> send_table(Exchange& exchange, const Page& page) {
  auto include = value_or_throw(parse_include_object(exchange.info.query.get("includeObject")));
  json::Value table = empty_table("");
  table.set("metadata", list_metadata(page));
  table.set("columnDefinitions", column_definitions(*exchange.call.version));
  TimePoint now = exchange.registry.clock().now();
  json::Value& rows = table.edit("rows");
  for (const cache::ItemPtr& item : page.snapshot.items) {
    rows.push_back(table_row(*exchange.call.version, exchange.registry.decode(*item, exchange.call),
                             include, now));
  }
  return send_json(exchange, 200, table);
}

Task<> send_partial(Exchange& exchange, const Page& page) {
  json::Value list = json::Value::object({{"kind", "PartialObjectMetadataList"},
                                          {"apiVersion", "meta.k8s.io/v1"},
                                          {"metadata", list_metadata(page)},
                                          {"items", json::Value::array()}});
  for (const cache::ItemPtr& item : page.snapshot.items) {
    list.edit("items").push_back(partial_object(exchange.registry.decode(*item, exchange.call)));
  }
  return send_json(exchange, 200, list);
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
