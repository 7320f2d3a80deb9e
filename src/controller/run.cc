// Running a controller: informers feed the queue, workers reconcile and commit.
#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/scope.h"
#include "controller/controller.h"
#include "controller/informer.h"
#include "controller/queue.h"

namespace controller {
namespace {

constexpr std::size_t kQuietFailures = 6;

struct Input {
  Source source;
  std::unique_ptr<Feed> feed;
};

class LiveWorld final : public World {
 public:
  LiveWorld(const std::vector<Input>& inputs, const Clock& clock)
      : inputs_(inputs), clock_(clock) {}

  TimePoint now() const override { return clock_.now(); }

  std::optional<json::Value> find(const Key& key) const override {
    for (const Input& input : inputs_) {
      if (input.source.name == key.source) return input.feed->find(key);
    }
    return std::nullopt;
  }

  std::vector<json::Value> list(std::string_view source, std::string_view cluster,
                                std::string_view ns,
                                const object::LabelSelector& selector) const override {
    for (const Input& input : inputs_) {
      if (input.source.name == source) return input.feed->list(cluster, ns, selector);
    }
    return {};
  }

 private:
  const std::vector<Input>& inputs_;
  const Clock& clock_;
};

class Runner : public std::enable_shared_from_this<Runner> {
 public:
  Runner(std::shared_ptr<Controller> controller, const Clock& clock, Options options, Loop& loop)
      : controller_(std::move(controller)),
        declaration_(controller_->declare()),
        options_(options),
        loop_(loop),
        world_(inputs_, clock),
        reconciles_(
            metrics::counter("controller_reconciles_total", "Reconciles by controller.", label())),
        failures_(metrics::counter("controller_failures_total", "Failed reconciles by controller.",
                                   label())) {}

  Task<> run() {
    for (const Source& source : declaration_.sources) {
      OnChange on_change = [this](const Change& change) { react(change); };
      inputs_.push_back({source, source.make_feed
                                     ? source.make_feed(source, std::move(on_change))
                                     : std::make_unique<Informer>(source, std::move(on_change))});
    }
    co_await with_scope([this](Scope& scope) -> Task<> {
      for (auto& input : inputs_) scope.spawn("feed", input.feed->run());
      for (int i = 0; i < options_.workers; ++i) scope.spawn("worker", work());
      return scope.join();
    });
  }

 private:
  std::string label() const { return "controller=\"" + std::string(controller_->name()) + "\""; }

  bool is_primary(const Key& key) const { return key.source == declaration_.sources.front().name; }

  void react(const Change& change) {
    auto mapper = declaration_.wakes.find(change.key.source);
    if (mapper != declaration_.wakes.end()) {
      for (const Key& woken : mapper->second(world_, change.object())) queue_.add(woken);
    }
    if (!is_primary(change.key)) return;
    bool concerns =
        !declaration_.concerns || declaration_.concerns(world_, change.key, change.labels);
    if (concerns) queue_.add(change.key);
  }

  Task<> wait_until_synced() {
    while (!std::ranges::all_of(inputs_, [](const Input& one) { return one.feed->synced(); })) {
      co_await sleep_for(5ms);
    }
  }

  Task<> work() {
    co_await wait_until_synced();
    while (true) {
      Key key = co_await queue_.take();
      struct Finish {
        Queue& queue;
        const Key& key;
        ~Finish() { queue.done(key); }
      } finish{queue_, key};
      std::string failure;
      try {
        co_await reconcile(key);
        queue_.succeeded(key);
      } catch (const Error& error) {
        failure = error.message();
      }
      if (!failure.empty()) retry(key, failure);
    }
  }

  Task<> reconcile(const Key& key) {
    reconciles_.add();
    Plan plan = controller_->reconcile(world_, key, world_.find(key));
    for (Plan::Write& write : plan.writes) co_await commit(std::move(write));
    for (auto& effect : plan.effects) co_await effect();
    if (plan.look_again_at) look_again(key, *plan.look_again_at);
  }

  void retry(const Key& key, const std::string& why) {
    failures_.add();
    auto times = std::min<std::size_t>(queue_.failures(key), 20);
    queue_.failed(key);
    Duration delay = std::min(options_.first_retry * (1 << times), options_.last_retry);
    // The first failures are mostly writes that were decided on an older state.
    log(times < kQuietFailures ? LogLevel::Debug : LogLevel::Warning, "controller", "trying again",
        {{"controller", std::string(controller_->name())},
         {"cluster", key.cluster},
         {"namespace", key.ns},
         {"name", key.name},
         {"why", why}});
    add_after(key, delay);
  }

  // One timer for a key, unless an earlier one is needed: each look says anew when the next is due.
  void look_again(const Key& key, TimePoint when) {
    auto [it, is_first] = looks_.emplace(key, when);
    if (!is_first && it->second <= when) return;
    it->second = when;
    Duration delay = std::max(when - world_.now(), Duration(1ms));
    loop_.call_after(delay, [weak = weak_from_this(), key, when] {
      auto self = weak.lock();
      if (!self) return;
      auto look = self->looks_.find(key);
      if (look != self->looks_.end() && look->second == when) self->looks_.erase(look);
      self->queue_.add(key);
    });
  }

  void add_after(const Key& key, Duration delay) {
    loop_.call_after(std::max(delay, Duration(1ms)), [weak = weak_from_this(), key] {
      if (auto self = weak.lock()) self->queue_.add(key);
    });
  }

  const Input& input_of(const std::string& source) const {
    auto it =
        std::ranges::find_if(inputs_, [&](const Input& one) { return one.source.name == source; });
    CHECK(it != inputs_.end());  // a plan writes to declared sources only
    return *it;
  }

  static std::string write_base(const Source& source, const std::string& cluster) {
    if (source.write_prefix.empty()) return source.read_base;
    return source.write_prefix + cluster + source.write_suffix;
  }

  Task<> commit(Plan::Write write) {
    const Input& input = input_of(write.source);
    const Source& source = input.source;
    client::Client client = source.client->at(write_base(source, write.cluster));
    Key key{write.source, write.cluster, object::ns(write.object), object::name(write.object)};
    auto present = input.feed->find(key);
    switch (write.kind) {
      case Plan::Write::Kind::Create:
        co_await client.create(source.resource, std::move(write.object));
        break;
      case Plan::Write::Kind::Update:
        if (present && *present == write.object) co_return;
        co_await client.update(source.resource, std::move(write.object));
        break;
      case Plan::Write::Kind::UpdateStatus:
        if (present && (*present)["status"] == write.object["status"]) co_return;
        co_await client.update_status(source.resource, std::move(write.object));
        break;
      case Plan::Write::Kind::Patch:
        co_await client.patch(source.resource, key.ns, key.name, client::PatchType::Merge,
                              std::move(write.patch));
        break;
      case Plan::Write::Kind::Delete:
        co_await client.remove(source.resource, object::ns(write.object),
                               object::name(write.object), object::uid(write.object));
        break;
    }
  }

  std::shared_ptr<Controller> controller_;
  Declaration declaration_;
  Options options_;
  Loop& loop_;
  std::vector<Input> inputs_;
  LiveWorld world_;
  Queue queue_;
  std::map<Key, TimePoint> looks_;  // when keys are looked at again at the earliest
  metrics::Counter& reconciles_;
  metrics::Counter& failures_;
};

}  // namespace

Task<> run(std::shared_ptr<Controller> controller, const Clock& clock, Options options) {
  Loop& loop = co_await current_loop();
  auto runner = std::make_shared<Runner>(std::move(controller), clock, options, loop);
  co_await runner->run();
}

}  // namespace controller
