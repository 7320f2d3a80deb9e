#include "controllers/workload/sync_targets.h"

#include "object/object.h"
#include "object/selector.h"
#include "placement/keys.h"

namespace controllers {
namespace {

using controller::Key;
using controller::Mapper;
using controller::Plan;
using controller::World;
using json::Value;

constexpr Duration kLookForExports = 30s;  // again, while some are missing

class SyncTargetController final : public controller::Controller {
 public:
  SyncTargetController(Surroundings around, std::shared_ptr<ExportCatalog> catalog,
                       WorkloadOptions options)
      : around_(std::move(around)), catalog_(std::move(catalog)), options_(std::move(options)) {}

  std::string_view name() const override { return "synctargets"; }

  controller::Declaration declare() const override {
    Mapper from_export = [](const World& world, const Value& api_export) {
      std::vector<Key> woken;
      for (const Value& target : world.list(kSyncTargets.resource, "", "")) {
        for (const Value& one : target.at("spec", "supportedAPIExports").elements()) {
          if (one["export"].as_string() != object::name(api_export)) continue;
          woken.push_back(controller::key_of(kSyncTargets.resource, target));
          break;
        }
      }
      return woken;
    };
    return {{local_source(around_, kSyncTargets, "v1alpha1"),
             local_source(around_, kApiExports, "v1alpha2", {.headers_only = true})},
            {{kApiExports.resource, from_export}}};
  }

  Plan reconcile(const World& world, const Key& key,
                 const std::optional<Value>& object) const override {
    Plan plan;
    if (!object) return plan;
    Value target = *object;
    set_address(key, target);
    if (!set_resources(key, target)) plan.look_again(world.now() + kLookForExports);
    judge_heartbeat(world.now(), target, plan);
    if (target["status"] != (*object)["status"]) {
      plan.update_status(kSyncTargets.resource, key.cluster, std::move(target));
    }
    return plan;
  }

 private:
  void set_address(const Key& key, Value& target) const {
    std::string tail = key.cluster + "/" + key.name + "/" + object::uid(target);
    Value urls = Value::object({{"syncerURL", options_.server_url + "/services/syncer/" + tail}});
    target.edit("status").set("virtualWorkspaces", Value::array({std::move(urls)}));
  }

  // Whether everything that the target supports was found.
  bool set_resources(const Key& key, Value& target) const {
    auto offer = catalog_->offer_of(key.cluster, target);
    Value entries = Value::array();
    for (const OfferedResource& one : offer.resources) {
      std::string state = "Pending";
      for (const Value& before : target.at("status", "syncedResources").elements()) {
        bool same = before["group"].as_string() == one.group &&
                    before["resource"].as_string() == one.resource &&
                    before["identityHash"].as_string() == one.identity;
        if (same && !before["state"].as_string().empty()) state = before["state"].str();
      }
      Value versions = Value::array();
      for (const std::string& version : one.versions) versions.push_back(version);
      entries.push_back(Value::object({{"group", one.group},
                                       {"resource", one.resource},
                                       {"versions", std::move(versions)},
                                       {"identityHash", one.identity},
                                       {"state", state}}));
    }
    if (target.at("status", "syncedResources") != entries) {
      target.edit("status").set("syncedResources", std::move(entries));
    }
    return offer.complete;
  }

  void judge_heartbeat(TimePoint now, Value& target, Plan& plan) const {
    object::Condition heartbeat{"HeartbeatHealthy", "True", "", ""};
    std::string text = target.at("status", "lastSyncerHeartbeatTime").str();
    auto last = parse_time(text);
    TimePoint end = last.value_or(TimePoint()) + options_.heartbeat_threshold;
    if (!last || end <= now) {
      std::string why = last ? "No heartbeat since " + text : "No heartbeat yet seen";
      heartbeat = {"HeartbeatHealthy", "False", "ErrorHeartbeat", why, "Warning"};
    } else {
      plan.look_again(end);
    }
    object::set_condition(target, heartbeat, now);
    heartbeat.type = "Ready";
    object::set_condition(target, heartbeat, now);
  }

  const Surroundings around_;
  const std::shared_ptr<ExportCatalog> catalog_;
  const WorkloadOptions options_;
};

class LocationController final : public controller::Controller {
 public:
  explicit LocationController(Surroundings around) : around_(std::move(around)) {}

  std::string_view name() const override { return "locations"; }

  controller::Declaration declare() const override {
    Mapper from_target = [&cache = around_.registry.objects()](const World&, const Value& target) {
      return keys_of(cache, kLocations, object::annotation(target, "kcp.io/cluster"));
    };
    return {{local_source(around_, kLocations, "v1alpha1"), sync_target_source(around_)},
            {{kSyncTargets.resource, from_target}}};
  }

  Plan reconcile(const World& world, const Key& key,
                 const std::optional<Value>& object) const override {
    Plan plan;
    if (!object) return plan;
    auto selector = object::LabelSelector::from_object(object->at("spec", "instanceSelector"));
    std::int64_t all = 0, available = 0;
    if (selector) {
      for (const Value& target : world.list(kSyncTargets.resource, key.cluster, "", *selector)) {
        ++all;
        bool usable =
            object::is_true(target, "Ready") && !target.at("spec", "unschedulable").as_bool();
        if (usable) ++available;
      }
    }
    Value location = *object;
    location.edit("status").set("instances", all).set("availableInstances", available);
    plan.update_status(kLocations.resource, key.cluster, std::move(location));
    return plan;
  }

 private:
  const Surroundings around_;
};

}  // namespace

std::shared_ptr<controller::Controller> sync_target_controller(
    Surroundings around, std::shared_ptr<ExportCatalog> catalog, WorkloadOptions options) {
  return std::make_shared<SyncTargetController>(std::move(around), std::move(catalog),
                                                std::move(options));
}

std::shared_ptr<controller::Controller> location_controller(Surroundings around) {
  return std::make_shared<LocationController>(std::move(around));
}

}  // namespace controllers
