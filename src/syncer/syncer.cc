#include "syncer/syncer.h"

#include <fmt/format.h>

#include <map>

#include "base/error.h"
#include "base/log.h"
#include "base/scope.h"
#include "controller/controller.h"
#include "controller/informer.h"
#include "http/client.h"
#include "object/object.h"
#include "syncer/discovery.h"
#include "syncer/namespace_cleaner.h"
#include "syncer/object_controller.h"

namespace syncer {
namespace {

using controller::Source;
using json::Value;

constexpr Duration kHeartbeat = 20s;
constexpr Duration kRetry = 1s;
constexpr Duration kPatience = 10s;   // with an answer
constexpr Duration kLookAgain = 60s;  // whether the physical cluster offers more by now
const client::Resource kSyncTargets{"workload.kcp.io", "v1alpha1", "synctargets", false};
const client::Resource kNamespaceResource{"", "v1", "namespaces", false};

Value operation(const char* op, std::string_view path, Value value) {
  return Value::object({{"op", op}, {"path", path}, {"value", std::move(value)}});
}

// Looks after the downstream namespaces that nothing is left in since we last ran.
class NamespaceController final : public controller::Controller {
 public:
  NamespaceController(Source namespaces, std::shared_ptr<NamespaceCleaner> cleaner)
      : namespaces_(std::move(namespaces)), cleaner_(std::move(cleaner)) {}

  std::string_view name() const override { return "syncer-namespaces"; }
  controller::Declaration declare() const override { return {{namespaces_}, {}}; }
  controller::Plan reconcile(const controller::World&, const controller::Key&,
                             const std::optional<Value>& object) const override {
    controller::Plan plan;
    if (object) {
      plan.effects.push_back([cleaner = cleaner_, ns = *object] { return consider(cleaner, ns); });
    }
    return plan;
  }

 private:
  static Task<> consider(std::shared_ptr<NamespaceCleaner> cleaner, Value ns) {
    cleaner->consider_live(ns);
    co_return;
  }

  Source namespaces_;
  std::shared_ptr<NamespaceCleaner> cleaner_;
};

class Syncer {
 public:
  explicit Syncer(Options options)
      : options_(std::move(options)),
        workspace_(options_.upstream->at("/clusters/" + options_.cluster)),
        discovery_(options_.downstream, options_.clock) {}

  Task<> run() {
    latest_ = co_await wait_for_target();
    target_.cluster = object::annotation(*latest_, placement::kClusterAnnotation);
    target_.name = options_.target;
    target_.uid = options_.uid;
    target_.key = placement::target_key(target_.cluster, target_.name);
    cleaner_ = std::make_shared<NamespaceCleaner>(target_, options_.clean_delay, options_.clock,
                                                  options_.downstream);
    log(LogLevel::Info, "syncer", "found the SyncTarget",
        {{"cluster", target_.cluster}, {"name", target_.name}, {"key", target_.key}});
    co_await with_scope([this](Scope& scope) -> Task<> {
      scope.spawn("heartbeat", heartbeat());
      scope.spawn("target", follow_target());
      scope.spawn("ticks", tick());
      scope.spawn("cleaner", cleaner_->run());
      Source namespaces =
          downstream_source(kNamespaces, kNamespaceResource, target_, options_.downstream);
      scope.spawn("namespaces",
                  controller::run(std::make_shared<NamespaceController>(namespaces, cleaner_),
                                  options_.clock));
      scope.spawn("work", work(scope));
      return scope.join();
    });
  }

 private:
  struct Running {
    std::string view;  // path of the virtual workspace
    TaskRef task;
  };

  void check_uid(const Value& target) const {
    if (object::uid(target) == options_.uid) return;
    throw Error(Reason::Gone,
                fmt::format("SyncTarget {} in {} has uid {}, not {}: it was made anew; deploy the "
                            "syncer again",
                            options_.target, options_.cluster, object::uid(target), options_.uid));
  }

  Task<Value> wait_for_target() {
    while (true) {
      std::string why = "it does not exist";
      std::optional<Value> found;
      try {
        found = co_await workspace_.find(kSyncTargets, "", options_.target);
      } catch (const Error& error) {
        why = error.message();
      }
      if (found) {
        check_uid(*found);
        co_return std::move(*found);
      }
      log(LogLevel::Warning, "syncer", "waiting for the SyncTarget",
          {{"cluster", options_.cluster}, {"name", options_.target}, {"why", why}});
      co_await sleep_for(kRetry);
    }
  }

  // A JSON patch of the status that holds only for the SyncTarget with our uid.
  Task<> patch_status(std::vector<Value> operations) {
    Value patch = Value::array({operation("test", "/metadata/uid", options_.uid)});
    if (latest_ && !latest_->contains("status")) {
      patch.push_back(operation("add", "/status", Value::object()));
    }
    for (Value& one : operations) patch.push_back(std::move(one));
    co_await workspace_.patch(kSyncTargets, "", options_.target, client::PatchType::Json,
                              std::move(patch), "status");
  }

  // The heartbeat speaks for the physical cluster: without it, work is to move away. Any answer
  // counts, a refusal too.
  Task<> check_downstream() {
    try {
      co_await with_deadline(options_.downstream->call("GET", "/version"), kPatience, "no answer");
    } catch (const Error& error) {
      if (error.reason() != Reason::ServiceUnavailable && error.reason() != Reason::Timeout)
        co_return;
      throw Error(error.reason(), "the physical cluster does not answer: " + error.message());
    }
  }

  Task<> heartbeat() {
    std::string told;
    while (true) {
      std::string failure;
      try {
        co_await check_downstream();
        std::vector<Value> now = {
            operation("add", "/status/lastSyncerHeartbeatTime", format_time(options_.clock.now()))};
        co_await with_deadline(patch_status(std::move(now)), kPatience, "no answer");
      } catch (const Error& error) {
        failure = error.message();
      }
      if (!failure.empty() && failure != told) {
        log(LogLevel::Warning, "syncer", "the heartbeat failed",
            {{"name", options_.target}, {"why", failure}});
      }
      told = failure;
      co_await sleep_for(failure.empty() ? kHeartbeat : kRetry);
    }
  }

  Task<> follow_target() {
    Source source;
    source.name = "synctargets";
    source.resource = kSyncTargets;
    source.read_base = workspace_.base_path();
    source.client = options_.upstream;
    controller::Informer informer(source, [this](const controller::Change& change) {
      if (change.key.name == options_.target) wake();
    });
    targets_ = &informer;
    struct Forget {
      const controller::Informer** to;
      ~Forget() { *to = nullptr; }
    } forget{&targets_};
    co_await informer.run();
  }

  Task<> tick() {
    while (true) {
      co_await sleep_for(kLookAgain);
      wake();
    }
  }

  void wake() {
    changed_ = true;
    if (auto waiter = std::exchange(waiter_, std::nullopt)) waiter->resolve(Done{});
  }

  Task<> wait_for_change() {
    if (!std::exchange(changed_, false)) {
      co_await wait_for<Done>([this](Resolver<Done> done) { waiter_ = std::move(done); });
      changed_ = false;
    }
  }

  // Brings what runs in line with the SyncTarget, at each of its changes.
  Task<> work(Scope& scope) {
    while (true) {
      std::string failure;
      try {
        co_await refresh(scope);
      } catch (const Error& error) {
        if (error.reason() == Reason::Gone) throw;
        failure = error.message();
      }
      if (!failure.empty()) {
        log(LogLevel::Warning, "syncer", "cannot judge what to sync; trying again",
            {{"name", options_.target}, {"why", failure}});
        co_await sleep_for(kRetry);
        continue;
      }
      co_await wait_for_change();
    }
  }

  Task<> refresh(Scope& scope) {
    if (targets_ && targets_->synced()) {
      latest_ = targets_->find({"synctargets", target_.cluster, "", target_.name});
    }
    cleaner_->allow(false);
    if (!latest_) {
      log(LogLevel::Warning, "syncer", "the SyncTarget has gone", {{"name", options_.target}});
      start(scope, "", {});
      co_return;
    }
    check_uid(*latest_);
    Value status = (*latest_)["status"];
    std::string url = status["virtualWorkspaces"][0]["syncerURL"].str();
    if (url.empty()) {
      start(scope, "", {});
      co_return;
    }
    std::vector<client::Resource> wanted = {{"", "v1", "configmaps", true},
                                            {"", "v1", "secrets", true}};
    std::vector<Value> judgement;
    std::size_t index = 0;
    for (const Value& entry : status["syncedResources"].elements()) {
      auto resource = co_await discovery_.find(entry);
      std::string_view state = resource ? "Accepted" : "Incompatible";
      std::string path = fmt::format("/status/syncedResources/{}", index++);
      if (entry["state"].as_string() != state) {
        judgement.push_back(operation("test", path + "/resource", entry["resource"]));
        judgement.push_back(operation("add", path + "/state", state));
      }
      if (resource) wanted.push_back(std::move(*resource));
    }
    start(scope, http::parse_url(url).path, wanted);
    if (!judgement.empty()) co_await patch_status(std::move(judgement));
    cleaner_->allow(true);
  }

  // Starts what is wanted and does not run yet, ends what is not wanted.
  void start(Scope& scope, const std::string& view, const std::vector<client::Resource>& wanted) {
    std::map<client::Resource, Running> kept;
    for (const client::Resource& resource : wanted) {
      if (kept.contains(resource)) continue;
      auto it = running_.find(resource);
      bool runs = it != running_.end() && it->second.view == view;
      if (runs) {
        kept.insert(running_.extract(it));
      } else {
        kept[resource] = {view, scope.spawn("sync", controller::run(make_controller(view, resource),
                                                                    options_.clock))};
        log(LogLevel::Info, "syncer", "syncing",
            {{"group", resource.group}, {"resource", resource.resource}});
      }
    }
    for (auto& [resource, one] : running_) one.task.cancel();
    running_ = std::move(kept);
  }

  std::shared_ptr<controller::Controller> make_controller(const std::string& view,
                                                          const client::Resource& resource) {
    Source upstream;
    upstream.name = kUpstream;
    upstream.resource = resource;
    upstream.client = options_.upstream;
    upstream.read_base = view + "/clusters/*";
    upstream.write_prefix = view + "/clusters/";
    Source downstream = downstream_source(kDownstream, resource, target_, options_.downstream);
    return std::make_shared<ObjectController>(ObjectController::Parts{
        target_, cleaner_->watched(std::move(upstream), Side::Upstream),
        cleaner_->watched(std::move(downstream), Side::Downstream),
        downstream_source(kNamespaces, kNamespaceResource, target_, options_.downstream),
        [cleaner = cleaner_](const std::string& ns) { cleaner->consider(ns); }});
  }

  Options options_;
  client::Client workspace_;  // of the SyncTarget
  Discovery discovery_;
  Target target_;
  std::shared_ptr<NamespaceCleaner> cleaner_;
  std::optional<Value> latest_;  // the SyncTarget as last seen
  const controller::Informer* targets_ = nullptr;
  std::map<client::Resource, Running> running_;
  bool changed_ = false;
  std::optional<Resolver<Done>> waiter_;
};

// The uid of the SyncTarget with that name, once there is one.
Task<std::string> wait_for_uid(client::Client workspace, std::string name) {
  while (true) {
    try {
      auto target = co_await workspace.find(kSyncTargets, "", name);
      if (target) co_return object::uid(*target);
    } catch (const Error& error) {
      log(LogLevel::Warning, "syncer", "cannot look for the SyncTarget",
          {{"name", name}, {"why", error.message()}});
    }
    co_await sleep_for(kRetry);
  }
}

}  // namespace

Task<> run(Options options) {
  Syncer syncer(std::move(options));
  co_await syncer.run();
}

Task<> run_for_name(Options options) {
  while (true) {
    auto workspace = options.upstream->at("/clusters/" + options.cluster);
    options.uid = co_await wait_for_uid(std::move(workspace), options.target);
    try {
      co_await run(options);
    } catch (const Error& error) {
      if (error.reason() != Reason::Gone) throw;
      log(LogLevel::Info, "syncer", "the SyncTarget was made anew", {{"name", options.target}});
    }
  }
}

}  // namespace syncer
