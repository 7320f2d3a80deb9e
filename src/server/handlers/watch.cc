#include <fmt/format.h>

#include "base/error.h"
#include "base/random.h"
#include "base/strings.h"
#include "cache/past.h"
#include "cache/waiting.h"
#include "json/text.h"
#include "server/handlers/handlers.h"
#include "server/status.h"

namespace server {
namespace {

constexpr Duration kBookmarkEvery = 60s;
// Larger objects are sent as they lie in the cache: a copy for each slow watcher would be too much.
constexpr std::size_t kMaxCopied = 16 * 1024;

std::string_view type_text(cache::Event::Type type) {
  constexpr std::string_view kTexts[] = {"ADDED", "MODIFIED", "DELETED"};
  return kTexts[static_cast<int>(type)];
}

// One open watch: what it sends and in which form. It outlives its request, of which it keeps
// nothing else: a hundred thousand of these wait.
class WatchStream final : public OpenWatch {
 public:
  explicit WatchStream(const Exchange& exchange)
      : registry_(exchange.registry),
        response_(&exchange.response),
        stopping_(exchange.stopping),
        kind_(exchange.call.kind),
        version_(exchange.call.version),
        form_(exchange.form.kind),
        form_key_(fmt::format("{}/{}", static_cast<int>(form_), version_->name)),
        bookmarks_(exchange.info.query.flag("allowWatchBookmarks")) {
    const Query& query = exchange.info.query;
    include_ = value_or_throw(parse_include_object(query.get("includeObject")));
  }

  void follow(std::unique_ptr<cache::Watcher> watcher, Duration limit) {
    watcher_ = std::move(watcher);
    until_ = std::chrono::steady_clock::now() + limit;
  }

  // Forwards events until the time is up or the server stops.
  Task<> run(http::ResponseWriter& response) override {
    response_ = &response;
    Loop& loop = co_await current_loop();
    ScopedTimer alarm(loop);
    cache::Watcher::Batch batch;
    auto now = std::chrono::steady_clock::now();
    auto bookmark_at = now + kBookmarkEvery;
    while (now < until_ && !*stopping_) {
      set_alarm(alarm, bookmarks_ ? std::min(until_, bookmark_at) : until_, now);
      watcher_->take(batch);
      if (batch.empty()) {
        co_await watcher_->waiter(loop);
        watcher_->take(batch);
      }
      if (batch.expired) {
        co_await send_expired();
        break;
      }
      figures().watch_events.add(batch.events.size());
      for (const cache::Event* event : batch.events) {
        if (!send_at_once(*event)) co_await send(*event);
      }
      batch.clear();
      now = std::chrono::steady_clock::now();
      if (bookmarks_ && now >= bookmark_at && now < until_) {
        bookmark_at = now + kBookmarkEvery;
        co_await send_bookmark(batch.revision, false);
      }
    }
    co_await response.finish();
  }

  Task<> send_present(const cache::ItemPtr& item) {
    figures().watch_events.add();
    if (is_large(*item)) return send_by_reference(cache::Event::Type::Added, item);
    return write(frame(cache::Event::Type::Added, item));
  }

  Task<> send_past(const cache::EventPtr& event) {
    figures().watch_events.add();
    return send(*event);
  }

  [[gnu::noinline]] Task<> send_bookmark(std::uint64_t revision, bool initial_end) {
    json::Value metadata = json::Value::object(
        {{"resourceVersion", std::to_string(revision)}, {"creationTimestamp", nullptr}});
    if (initial_end) metadata.edit("annotations").set("k8s.io/initial-events-end", "true");
    json::Value object = json::Value::object({{"kind", kind_->kind},
                                              {"apiVersion", kind_->api_version(version_->name)},
                                              {"metadata", std::move(metadata)}});
    if (form_ == Form::Kind::Table) {
      json::Value table = empty_table(std::to_string(revision));
      table.edit("rows").push_back(json::Value::object(
          {{"cells", json::Value::array()}, {"object", partial_object(object)}}));
      object = std::move(table);
    }
    if (form_ == Form::Kind::Partial) object = partial_object(object);
    return write(line("BOOKMARK", json::print(object)));
  }

  Task<> send_error(const Error& error) {
    return write(line("ERROR", json::print(status_of(error))));
  }

 private:
  using Time = std::chrono::steady_clock::time_point;

  // Not inlined, like all below: run()'s frame would keep room for what is inlined into it as long
  // as it waits. One alarm serves many waits.
  [[gnu::noinline]] void set_alarm(ScopedTimer& alarm, Time at, Time now) {
    if (at == alarm_at_) return;
    alarm_at_ = at;
    alarm.start(at - now, [this] {
      alarm_at_ = {};
      watcher_->stir();
    });
  }

  // Whether that could be done without waiting and without anything made for this watcher alone.
  [[gnu::noinline]] bool send_at_once(const cache::Event& event) {
    const Bytes* frame = form_ == Form::Kind::Table ? nullptr : event.find_frame(form_key_);
    return frame && response_->try_write(*frame);
  }

  [[gnu::noinline]] Task<> send(const cache::Event& event) {
    if (is_large(*event.item)) return send_by_reference(event.type, event.item);
    // Rows of tables tell ages, so their frames are not shared.
    if (form_ == Form::Kind::Table) return write(frame(event.type, event.item));
    return write(event.frame(form_key_, [&] { return frame(event.type, event.item); }));
  }

  [[gnu::noinline]] Task<> send_expired() {
    figures().watches_expired.add();
    return send_error(Error(Reason::Expired, "too old resource version: the watch fell behind"));
  }

  // What is needed of a call to show objects.
  registry::Call call() const {
    registry::Call call;
    call.kind = kind_;
    call.version = version_;
    return call;
  }

  static Bytes line(std::string_view type, std::string_view object) {
    std::string text;
    text.reserve(object.size() + 32);
    text.append(R"({"type":")").append(type).append(R"(","object":)").append(object).append("}\n");
    return Bytes(std::move(text));
  }

  bool is_large(const cache::Item& item) const {
    return form_ == Form::Kind::Object && item.size() > kMaxCopied;
  }

  Task<> send_by_reference(cache::Event::Type type, cache::ItemPtr item) {
    co_await write(Bytes(fmt::format(R"({{"type":"{}","object":)", type_text(type))));
    for (Bytes& piece : pieces_of(call(), item)) co_await write(std::move(piece));
    co_await write(Bytes::literal("}\n"));
  }

  Bytes frame(cache::Event::Type type, const cache::ItemPtr& item) {
    if (form_ == Form::Kind::Object) {
      std::string object;
      for (const Bytes& piece : pieces_of(call(), item)) object += piece.view();
      return line(type_text(type), object);
    }
    json::Value object = registry_.decode(*item, call());
    if (form_ == Form::Kind::Partial) {
      return line(type_text(type), json::print(partial_object(object)));
    }
    json::Value table = empty_table(std::to_string(item->revision()));
    if (!std::exchange(columns_sent_, true)) {
      table.set("columnDefinitions", column_definitions(*version_));
    }
    table.edit("rows").push_back(table_row(*version_, object, include_, registry_.clock().now()));
    return line(type_text(type), json::print(table));
  }

  Task<> write(Bytes bytes) { return response_->write(std::move(bytes)); }

  registry::Registry& registry_;
  http::ResponseWriter* response_;
  const std::atomic<bool>* stopping_;
  const registry::KindPtr kind_;
  const registry::Version* const version_;  // of kind_
  const Form::Kind form_;
  const std::string form_key_;  // what frames of events are shared by
  const bool bookmarks_;
  bool columns_sent_ = false;
  IncludeObject include_ = IncludeObject::None;
  std::unique_ptr<cache::Watcher> watcher_;
  Time until_;
  Time alarm_at_;  // when the alarm will ring; none if it has
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

// What happened before the table's events begin.
Task<Result<cache::Past>> read_past(Exchange& exchange, cache::Filter filter, std::uint64_t since) {
  try {
    co_return co_await cache::read_past(exchange.registry.store(), exchange.call.kind->table(),
                                        std::move(filter), since);
  } catch (const Error& error) {
    co_return std::unexpected(error);
  }
}

Duration timeout_of(const Query& query) {
  auto seconds = parse_u64(query.get("timeoutSeconds"));
  if (seconds && *seconds > 0)
    return std::chrono::seconds(std::min<std::uint64_t>(*seconds, 86'400));
  return 30min + std::chrono::seconds(random_below(1800));
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
  auto stream = std::make_unique<WatchStream>(exchange);
  Start start = co_await find_start(exchange, filter, initial_events);
  auto& table = exchange.registry.objects().table(exchange.call.kind->table());
  auto watcher = table.watch(filter, start.revision);
  cache::Past past;
  if (!watcher) {
    auto found = co_await read_past(exchange, filter, start.revision);
    if (found) {
      past = std::move(*found);
      watcher = table.watch(std::move(filter), past.revision);
    }
  }

  co_await exchange.response.start(200, headers_for(exchange));
  if (!watcher) {
    figures().watches_expired.add();
    co_await stream->send_error(watcher.error());
    co_await exchange.response.finish();
    co_return;
  }
  for (const auto& item : start.present) co_await stream->send_present(item);
  start.present.clear();
  for (const auto& event : past.events) co_await stream->send_past(event);
  past.events.clear();
  if (initial_events && query.flag("allowWatchBookmarks")) {
    co_await stream->send_bookmark(start.revision, true);
  }
  stream->follow(std::move(*watcher), timeout_of(query));
  exchange.watch = std::move(stream);
}

}  // namespace server
