#include "controllers/local_feed.h"

#include "base/error.h"
#include "base/log.h"
#include "base/scope.h"
#include "json/text.h"

namespace controllers {
namespace {

constexpr std::size_t kPage = 500;  // objects or events between two turns of the loop
constexpr Duration kPatience = 1h;
constexpr Duration kPause = 1s;
// Between two looks at a table that is written to all the time: more events for one wake-up.
constexpr Duration kGather = 5ms;

json::Value parse(const cache::Item& item) { return value_or_throw(json::parse(item.json())); }

json::Value header_of(const cache::Item& item) {
  json::Value object = object::make(item.api_version(), item.kind(), item.name());
  if (!item.ns().empty()) object.edit("metadata").set("namespace", item.ns());
  for (const auto& [key, value] : item.labels()) object::set_label(object, key, value);
  object::set_annotation(object, "kcp.io/cluster", item.cluster());
  return object;
}

class LocalFeed final : public controller::Feed {
 public:
  LocalFeed(cache::Cache& cache, LocalFeedOptions options, const controller::Source& source,
            controller::OnChange on_change)
      : options_(std::move(options)),
        source_(source.name),
        labels_(value_or_throw(object::LabelSelector::parse(source.label_selector))),
        on_change_(std::move(on_change)),
        unlisted_(options_.tables.size()) {
    for (const cache::TableId& id : options_.tables) tables_.push_back(&cache.table(id));
  }

  Task<> run() override {
    co_await with_scope([this](Scope& scope) -> Task<> {
      for (cache::Table* table : tables_) scope.spawn("table", follow(table));
      return scope.join();
    });
  }

  bool synced() const override { return unlisted_ == 0; }

  std::optional<json::Value> find(const controller::Key& key) const override {
    for (cache::Table* table : tables_) {
      auto item = table->find({key.cluster, key.ns, key.name});
      if (item && labels_.matches(item->labels())) return parse(*item);
    }
    return std::nullopt;
  }

  std::vector<json::Value> list(std::string_view cluster, std::string_view ns,
                                const object::LabelSelector& selector) const override {
    std::vector<json::Value> found;
    cache::Filter filter{std::string(cluster), std::string(ns), "", selector};
    for (cache::Table* table : tables_) {
      for (const auto& item : table->list(filter).items) {
        if (labels_.matches(item->labels())) found.push_back(parse(*item));
      }
    }
    return found;
  }

 private:
  // Reports all objects, a page at a time, and then the events from before the first page on.
  Task<> follow(cache::Table* table) {
    cache::Filter filter{"", "", "", labels_};
    auto page = table->list(filter, kPage);
    std::uint64_t revision = page.revision;
    while (true) {
      for (const auto& item : page.items) report(*item);
      if (!page.next) break;
      co_await yield_to_loop();
      page = table->list(filter, kPage, page.next);
    }
    page.items.clear();
    --unlisted_;
    auto watcher = value_or_throw(table->watch(filter, revision));
    while (true) {
      auto batch = co_await watcher->next(kPatience);
      if (batch.expired) throw Error(Reason::Expired, "events of " + source_ + " were lost");
      for (const auto& event : batch.events) {
        if (!is_same(*event)) report(*event->item);
      }
      co_await sleep_for(kGather);
    }
  }

  bool is_same(const cache::Event& event) const {
    if (!options_.same || event.type != cache::Event::Type::Modified) return false;
    return options_.same(parse(*event.previous), parse(*event.item));
  }

  void report(const cache::Item& item) {
    if (options_.concerns && !options_.concerns(item)) return;
    controller::Key key{source_, std::string(item.cluster()), std::string(item.ns()),
                        std::string(item.name())};
    json::Value tree;
    auto object = [&]() -> const json::Value& {
      if (tree.is_null()) tree = options_.headers_only ? header_of(item) : parse(item);
      return tree;
    };
    on_change_({key, item.labels().copy(), object});
  }

  const LocalFeedOptions options_;
  const std::string source_;
  const object::LabelSelector labels_;
  const controller::OnChange on_change_;
  std::vector<cache::Table*> tables_;
  std::size_t unlisted_;  // tables that have not been listed yet
};

}  // namespace

std::function<std::unique_ptr<controller::Feed>(const controller::Source&, controller::OnChange)>
local_feed(cache::Cache& cache, LocalFeedOptions options) {
  return [&cache, options = std::move(options)](const controller::Source& source,
                                                controller::OnChange on_change) {
    return std::make_unique<LocalFeed>(cache, options, source, std::move(on_change));
  };
}

Task<> run_locally(std::function<std::shared_ptr<controller::Controller>()> make,
                   const Clock& clock, controller::Options options) {
  while (true) {
    auto controller = make();
    std::string why;
    try {
      co_await controller::run(controller, clock, options);
    } catch (const Error& error) {
      why = error.message();
    }
    log(LogLevel::Warning, "controllers", "starting a controller anew",
        {{"controller", std::string(controller->name())}, {"why", why}});
    co_await sleep_for(kPause);
  }
}

}  // namespace controllers
