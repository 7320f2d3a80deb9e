#include "controllers/workload/placements.h"

#include <algorithm>
#include <map>

#include "json/text.h"
#include "object/object.h"
#include "object/selector.h"
#include "placement/choose.h"
#include "placement/keys.h"

namespace controllers {
namespace {

using controller::Key;
using controller::Mapper;
using controller::Plan;
using controller::World;
using json::Value;

constexpr Duration kLookForWorkspace = 30s;  // again, while the location workspace is missing
const cache::TableId kLogicalClusters{"core.kcp.io", "logicalclusters", ""};

// Lets one through per interval and location workspace. Remembers those of the last interval only.
class EvictionLimit {
 public:
  explicit EvictionLimit(Duration interval) : interval_(interval) {}

  // Nothing if one may be moved now, which then counts; else when to ask again.
  std::optional<TimePoint> admit(const std::string& cluster, TimePoint now) {
    std::erase_if(next_, [now](const auto& entry) { return entry.second <= now; });
    auto [it, is_first] = next_.emplace(cluster, now + interval_);
    return is_first ? std::nullopt : std::optional(it->second);
  }

 private:
  const Duration interval_;
  std::map<std::string, TimePoint> next_;
};

std::string chosen_key(const Value& placement) {
  return object::annotation(placement, placement::kTargetAnnotation);
}

// What is known about a Placement before anything is decided.
struct Facts {
  std::string workspace;  // cluster of the Locations; "" = there is none
  std::vector<placement::Location> candidates;
  placement::Present present;
  bool bound = false;           // phase
  bool location_exists = true;  // the present one
};

class PlacementController final : public controller::Controller {
 public:
  PlacementController(Surroundings around, WorkloadOptions options)
      : around_(std::move(around)),
        toleration_(options.lost_toleration),
        limit_(std::make_shared<EvictionLimit>(options.eviction_interval)) {}

  std::string_view name() const override { return "placements"; }

  controller::Declaration declare() const override {
    auto& cache = around_.registry.objects();
    Mapper of_same_cluster = [&cache](const World&, const Value& object) {
      return keys_of(cache, kPlacements, object::annotation(object, "kcp.io/cluster"));
    };
    Mapper of_users = [&clusters = around_.clusters](const World& world, const Value& object) {
      std::vector<Key> woken;
      std::string cluster = object::annotation(object, "kcp.io/cluster");
      for (const Value& placement : world.list(kPlacements.resource, "", "")) {
        Key key = controller::key_of(kPlacements.resource, placement);
        std::string chosen = chosen_key(placement);
        bool uses = location_cluster(clusters, key.cluster, placement) == cluster ||
                    (!chosen.empty() && chosen == object::label(object, placement::kKeyLabel));
        if (uses) woken.push_back(std::move(key));
      }
      return woken;
    };
    return {{local_source(around_, kPlacements, "v1alpha1"),
             local_source(around_, kLocations, "v1alpha1"), sync_target_source(around_),
             local_source(around_, kNamespaces, "v1", {.headers_only = true}),
             local_source(around_, kApiBindings, "v1alpha2", {.headers_only = true})},
            {{kLocations.resource, of_users},
             {kSyncTargets.resource, of_users},
             {kNamespaces.resource, of_same_cluster},
             {kApiBindings.resource, of_same_cluster}}};
  }

  Plan reconcile(const World& world, const Key& key,
                 const std::optional<Value>& object) const override {
    Plan plan;
    if (!object || object::is_deleting(*object)) return plan;
    Facts facts = look_around(world, key, *object);
    if (facts.workspace.empty()) plan.look_again(world.now() + kLookForWorkspace);
    auto choice = placement::choose(facts.candidates, facts.present, world.now(), toleration_);
    if (choice.valid && choice.key != facts.present.key) {
      weigh(key, *object, facts);
      choice = placement::choose(facts.candidates, facts.present, world.now(), toleration_);
    }
    if (choice.look_again_at) plan.look_again(*choice.look_again_at);
    if (choice.for_loss) hold_back(world, facts, choice, plan);
    bool keeps_unmatched = choice.location.empty() && facts.bound;
    if (keeps_unmatched && facts.present.exists) choice.key = facts.present.key;

    Value after = *object;
    if (choice.key.empty()) {
      object::remove_annotation(after, placement::kTargetAnnotation);
    } else {
      object::set_annotation(after, placement::kTargetAnnotation, choice.key);
    }
    if (after != *object) {  // the status follows with the event of this
      plan.patch(kPlacements.resource, key.cluster, after, metadata_patch(*object, after));
      return plan;
    }
    set_status(world, key, facts, choice, after);
    if (after["status"] != (*object)["status"]) {
      plan.update_status(kPlacements.resource, key.cluster, std::move(after));
    }
    return plan;
  }

 private:
  Facts look_around(const World& world, const Key& key, const Value& placement) const {
    Facts facts;
    const Value& status = placement["status"];
    facts.bound = status["phase"].as_string() == "Bound";
    facts.present = {status.at("selectedLocation", "locationName").str(), chosen_key(placement)};
    facts.workspace = location_cluster(around_.clusters, key.cluster, placement).value_or("");
    if (facts.workspace.empty()) {
      facts.location_exists = false;
      return facts;
    }
    auto needed = placement::needed_by(world.list(kApiBindings.resource, key.cluster, ""));
    facts.location_exists = false;
    for (const Value& location : world.list(kLocations.resource, facts.workspace, "")) {
      bool is_present = object::name(location) == facts.present.location;
      facts.location_exists = facts.location_exists || is_present;
      if (!placement::is_candidate(location, placement)) continue;
      placement::Location candidate{object::name(location), {}};
      auto selector = object::LabelSelector::from_object(location.at("spec", "instanceSelector"));
      if (!selector) continue;
      for (const Value& target :
           world.list(kSyncTargets.resource, facts.workspace, "", *selector)) {
        candidate.targets.push_back(placement::read_target(target, needed));
      }
      facts.candidates.push_back(std::move(candidate));
    }
    if (!facts.present.key.empty()) {
      object::LabelSelector by_key;
      by_key.require(
          {placement::kKeyLabel, object::LabelSelector::Operator::In, {facts.present.key}});
      facts.present.exists =
          !world.list(kSyncTargets.resource, facts.workspace, "", by_key).empty();
    }
    return facts;
  }

  // Counts what other Placements have chosen: only needed where a choice is to be made.
  void weigh(const Key& key, const Value& placement, Facts& facts) const {
    std::map<std::string, std::size_t> load, rivals;
    for (const auto& item : around_.registry.objects().table(kPlacements).list({}).items) {
      bool is_self = item->cluster() == key.cluster && item->name() == key.name;
      if (is_self || !item->mentions(placement::kTargetAnnotation)) continue;
      Value other = value_or_throw(json::parse(item->json()));
      std::string chosen = chosen_key(other);
      ++load[chosen];
      bool shares = item->cluster() == key.cluster &&
                    placement::may_overlap(placement.at("spec", "namespaceSelector"),
                                           other.at("spec", "namespaceSelector"));
      if (shares) ++rivals[chosen];
    }
    for (placement::Location& location : facts.candidates) {
      for (placement::Target& target : location.targets) {
        target.load = load[target.key];
        target.rivals = rivals[target.key];
      }
    }
  }

  // A move away from a lost target may have to wait for its turn.
  void hold_back(const World& world, const Facts& facts, placement::Choice& choice,
                 Plan& plan) const {
    auto later = limit_->admit(facts.workspace, world.now());
    if (!later) return;
    plan.look_again(*later);
    choice.key = facts.present.key;
    choice.valid = false;
    choice.message = "the SyncTarget is lost; its work moves in turn with others'";
    if (!facts.present.location.empty()) choice.location = facts.present.location;
  }

  std::string path_of(const std::string& cluster, const Value& placement) const {
    std::string path = placement.at("spec", "locationWorkspace").str();
    if (!path.empty()) return path;
    auto item = around_.registry.objects().table(kLogicalClusters).find({cluster, "", "cluster"});
    auto object = item ? json::parse(item->json()) : Value();
    path = item && object ? object::annotation(*object, "kcp.io/path") : "";
    return path.empty() ? cluster : path;
  }

  bool has_namespace(const std::string& cluster, const Value& placement) const {
    auto selector = object::LabelSelector::from_object(placement.at("spec", "namespaceSelector"));
    if (!selector) return false;
    cache::Filter filter{cluster, "", "", *selector, [](const cache::Item& item) {
                           return item.mentions(placement::kPlacementAnnotation);
                         }};
    return !around_.registry.objects().table(kNamespaces).list(filter, 1).items.empty();
  }

  void set_status(const World& world, const Key& key, const Facts& facts,
                  const placement::Choice& choice, Value& placement) const {
    object::Condition ready{"Ready", "True", "", ""}, scheduled{"Scheduled", "True", "", ""};
    std::string location = choice.location;
    if (location.empty()) {
      ready = {"Ready", "False", "LocationNoMatch", no_match(facts), "Error"};
      if (facts.bound) {
        location = facts.present.location;
        ready.reason = facts.location_exists ? "LocationInvalid" : "LocationNotFound";
      }
      scheduled = {"Scheduled", "False", "ScheduleLocationNotFound", ready.message, "Error"};
    } else if (!choice.valid) {
      scheduled = {"Scheduled", "False", "NoValidTarget", choice.message, "Warning"};
    }
    Value& status = placement.edit("status");
    if (location.empty()) {
      status.set("phase", "Pending").erase("selectedLocation");
    } else {
      status.set("phase", has_namespace(key.cluster, placement) ? "Bound" : "Unbound");
      status.set("selectedLocation", Value::object({{"path", path_of(key.cluster, placement)},
                                                    {"locationName", location}}));
    }
    object::set_condition(placement, ready, world.now());
    object::set_condition(placement, scheduled, world.now());
  }

  static std::string no_match(const Facts& facts) {
    if (facts.workspace.empty()) return "the location workspace does not exist";
    return "no location of the location workspace matches spec.locationSelectors";
  }

  const Surroundings around_;
  const Duration toleration_;
  const std::shared_ptr<EvictionLimit> limit_;
};

}  // namespace

std::shared_ptr<controller::Controller> placement_controller(Surroundings around,
                                                             WorkloadOptions options) {
  return std::make_shared<PlacementController>(std::move(around), std::move(options));
}

}  // namespace controllers
