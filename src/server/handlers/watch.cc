#include <fmt/format.h>

#include "base/error.h"
#include "base/random.h"
#include "base/strings.h"
#include "json/text.h"
#include "server/handlers/handlers.h"
#include "server/status.h"

namespace server {
namespace {

constexpr Duration kBookmarkEvery = 60s;
// Larger objects are sent as they lie in the cache: a copy for each slow watcher would be too much.
constexpr std::size_t kMaxCopied = 16 * 1024;
constexpr Duration kLookAtStop = 500ms;  // how soon a watch notices that the server stops

std::string_view type_text(cache::Event::Type type) {
  constexpr std::string_view kTexts[] = {"ADDED", "MODIFIED", "DELETED"};
  return kTexts[static_cast<int>(type)];
}

// One open watch: what it sends and in which form.
class WatchStream {
 public:
  explicit WatchStream(Exchange& exchange) : exchange_(exchange) {
    const Query& query = exchange.info.query;
    include_ = value_or_throw(parse_include_object(query.get("includeObject")));
    form_key_ =
        fmt::format("{}/{}", static_cast<int>(exchange.form.kind), exchange.call.version->name);
  }

  Task<> send(const cache::EventPtr& event) {
    if (is_large(*event->item)) return send_by_reference(event->type, event->item);
    // Rows of tables tell ages, so their frames are not shared.
    if (exchange_.form.kind == Form::Kind::Table) return write(frame(event->type, event->item));
    return write(event->frame(form_key_, [&] { return frame(event->type, event->item); }));
  }

  Task<> send_present(const cache::ItemPtr& item) {
    if (is_large(*item)) return send_by_reference(cache::Event::Type::Added, item);
    return write(frame(cache::Event::Type::Added, item));
  }

  Task<> send_bookmark(std::uint64_t revision, bool initial_end) {
    const auto& call = exchange_.call;
    json::Value metadata = json::Value::object(
        {{"resourceVersion", std::to_string(revision)}, {"creationTimestamp", nullptr}});
    if (initial_end) metadata.edit("annotations").set("k8s.io/initial-events-end", "true");
    json::Value object =
        json::Value::object({{"kind", call.kind->kind},
                             {"apiVersion", call.kind->api_version(call.version->name)},
                             {"metadata", std::move(metadata)}});
    if (exchange_.form.kind == Form::Kind::Table) {
      json::Value table = empty_table(std::to_string(revision));
      table.edit("rows").push_back(json::Value::object(
          {{"cells", json::Value::array()}, {"object", partial_object(object)}}));
      object = std::move(table);
    }
    if (exchange_.form.kind == Form::Kind::Partial) object = partial_object(object);
    return write(line("BOOKMARK", json::print(object)));
  }

  Task<> send_error(const Error& error) {
    return write(line("ERROR", json::print(status_of(error))));
  }

 private:
  static Bytes line(std::string_view type, std::string_view object) {
    std::string text;
    text.reserve(object.size() + 32);
    text.append(R"({"type":")").append(type).append(R"(","object":)").append(object).append("}\n");
    return Bytes(std::move(text));
  }

  bool is_large(const cache::Item& item) const {
    return exchange_.form.kind == Form::Kind::Object && item.json().size() > kMaxCopied;
  }

  Task<> send_by_reference(cache::Event::Type type, cache::ItemPtr item) {
    co_await write(Bytes(fmt::format(R"({{"type":"{}","object":)", type_text(type))));
    for (Bytes& piece : pieces_of(exchange_.call, item)) co_await write(std::move(piece));
    co_await write(Bytes::literal("}\n"));
  }

  Bytes frame(cache::Event::Type type, const cache::ItemPtr& item) {
    const auto& call = exchange_.call;
    if (exchange_.form.kind == Form::Kind::Object) {
      std::string object;
      for (const Bytes& piece : pieces_of(call, item)) object += piece.view();
      return line(type_text(type), object);
    }
    json::Value object = exchange_.registry.decode(*item, call);
    if (exchange_.form.kind == Form::Kind::Partial) {
      return line(type_text(type), json::print(partial_object(object)));
    }
    json::Value table = empty_table(std::to_string(item->revision()));
    if (!std::exchange(columns_sent_, true)) {
      table.set("columnDefinitions", column_definitions(*call.version));
    }
    table.edit("rows").push_back(
        table_row(*call.version, object, include_, exchange_.registry.clock().now()));
    return line(type_text(type), json::print(table));
  }

  Task<> write(Bytes bytes) { return exchange_.response.write(std::move(bytes)); }

  Exchange& exchange_;
  IncludeObject include_;
  std::string form_key_;
  bool columns_sent_ = false;
};

struct Start {
  std::uint64_t revision = 0;
  std::vector<cache::ItemPtr> present;  // sent as ADDED first
};

Task<Start> find_start(Exchange& exchange, const cache::Filter& filter, bool initial_events) {
  std::string text = exchange.info.query.get("resourceVersion");
  auto revision = parse_u64(text.empty() ? "0" : text);
  if (!revision) throw Error::bad_request("invalid resource version " + quote(text));
  auto& cache = exchange.registry.objects();
  if (*revision > 0) co_await cache.wait_until(*revision);
  if (*revision > 0 && !initial_events) co_return Start{*revision, {}};
  auto snapshot = cache.table(exchange.call.kind->table()).list(filter);
  co_return Start{snapshot.revision, std::move(snapshot.items)};
}

Duration timeout_of(const Query& query) {
  auto seconds = parse_u64(query.get("timeoutSeconds"));
  if (seconds && *seconds > 0)
    return std::chrono::seconds(std::min<std::uint64_t>(*seconds, 86'400));
  return 30min + std::chrono::seconds(random_below(1800));
}

// Forwards events until the time is up or the server stops.
Task<> follow(Exchange& exchange, cache::Watcher& watcher, WatchStream& stream, Duration limit) {
  bool bookmarks = exchange.info.query.flag("allowWatchBookmarks");
  Duration waited{0}, quiet{0};
  auto started = std::chrono::steady_clock::now();
  while (waited < limit && !*exchange.stopping) {
    auto batch = co_await watcher.next(std::min(kLookAtStop, limit - waited));
    if (batch.expired) {
      co_await stream.send_error(
          Error(Reason::Expired, "too old resource version: the watch fell behind"));
      co_return;
    }
    for (const auto& event : batch.events) co_await stream.send(event);
    Duration now = std::chrono::steady_clock::now() - started;
    quiet += now - waited;
    waited = now;
    if (bookmarks && quiet >= kBookmarkEvery) {
      quiet = Duration{0};
      co_await stream.send_bookmark(batch.revision, false);
    }
  }
}

}  // namespace

// GET of a collection with watch=true.
Task<> handle_watch(Exchange& exchange) {
  const Query& query = exchange.info.query;
  bool initial_events = query.flag("sendInitialEvents");
  if (initial_events && query.get("resourceVersionMatch") != "NotOlderThan") {
    throw Error::invalid("meta.k8s.io", "ListOptions", "",
                         {{"FieldValueForbidden", "resourceVersionMatch",
                           "Forbidden: sendInitialEvents requires setting resourceVersionMatch to "
                           "NotOlderThan"}});
  }
  cache::Filter filter = filter_of(exchange);
  WatchStream stream(exchange);
  Start start = co_await find_start(exchange, filter, initial_events);
  auto& table = exchange.registry.objects().table(exchange.call.kind->table());
  auto watcher = table.watch(filter, start.revision);

  co_await exchange.response.start(200, headers_for(exchange));
  if (!watcher) {
    co_await stream.send_error(watcher.error());
    co_await exchange.response.finish();
    co_return;
  }
  for (const auto& item : start.present) co_await stream.send_present(item);
  start.present.clear();
  if (initial_events && query.flag("allowWatchBookmarks")) {
    co_await stream.send_bookmark(start.revision, true);
  }
  co_await follow(exchange, **watcher, stream, timeout_of(query));
  co_await exchange.response.finish();
}

}  // namespace server
