// Rules and admission of SyncTargets, Locations and Placements.
#include <fmt/format.h>

#include <algorithm>

#include "base/random.h"
#include "controllers/workload/guard.h"
#include "controllers/workload/names.h"
#include "controllers/workload/workload.h"
#include "object/names.h"
#include "object/selector.h"
#include "placement/keys.h"
#include "tenancy/path.h"

namespace controllers {
namespace {

using json::Value;

constexpr const char* kLocationLabels = "scheduling.kcp.io/labels";

void check_selector(std::vector<Cause>& causes, const std::string& field, const Value& selector) {
  auto parsed = object::LabelSelector::from_object(selector);
  if (!parsed) {
    causes.push_back(object::invalid_value(field, "object", parsed.error().message()));
  }
}

void describe_labels(Value& location) {
  std::vector<std::string> labels;
  for (const auto& label : location.at("metadata", "labels").members()) {
    labels.push_back(label.key + "=" + label.value.str());
  }
  std::ranges::sort(labels);
  std::string text;
  for (const std::string& label : labels) text.append(text.empty() ? "" : " ").append(label);
  object::set_annotation(location, kLocationLabels, text);
}

Value default_location(const std::string& cluster, TimePoint now) {
  Value location = object::make("scheduling.kcp.io/v1alpha1", "Location", "default");
  location.edit("metadata")
      .set("uid", random_uuid())
      .set("creationTimestamp", format_time(now))
      .set("generation", 1);
  object::set_annotation(location, "kcp.io/cluster", cluster);
  describe_labels(location);
  location.edit("spec").set("resource", Value::object({{"group", kSyncTargets.group},
                                                       {"version", "v1alpha1"},
                                                       {"resource", kSyncTargets.resource}}));
  location.edit("spec").set("description", "All SyncTargets of this workspace");
  location.edit("spec").set("instanceSelector", Value::object());
  return location;
}

class SyncTargetRules final : public registry::Rules {
 public:
  explicit SyncTargetRules(registry::Registry& registry) : registry_(registry) {}

  void on_create(const registry::Call& call, Value& object) const override {
    Value& spec = object.edit("spec");
    if (spec["supportedAPIExports"].empty()) {
      spec.set("supportedAPIExports", Value::array({Value::object({{"export", "kubernetes"}})}));
    }
    set_key(call, object);
  }
  void on_update(const registry::Call& call, Value& object, const Value&) const override {
    set_key(call, object);
  }

  // A workspace with SyncTargets has a Location.
  std::vector<storage::Write> also_write(const registry::Call& call, Value&,
                                         std::vector<storage::Compare>& compares) const override {
    bool needed =
        call.verb == "create" && registry_.objects().table(kLocations).count(call.cluster) == 0;
    if (!needed) return {};
    Value location = default_location(call.cluster, registry_.clock().now());
    std::string key = cache::storage_key(kLocations, {call.cluster, "", "default"});
    compares.push_back({key, {}});
    return {{key, registry_.encode(location)}};
  }

 private:
  static void set_key(const registry::Call& call, Value& object) {
    object::set_label(object, placement::kKeyLabel,
                      placement::target_key(call.cluster, object::name(object)));
  }

  registry::Registry& registry_;
};

class LocationRules final : public registry::Rules {
 public:
  void on_create(const registry::Call&, Value& object) const override { describe_labels(object); }
  void on_update(const registry::Call&, Value& object, const Value&) const override {
    describe_labels(object);
  }
  std::vector<Cause> validate(const registry::Call&, const Value& object,
                              const Value&) const override {
    std::vector<Cause> causes;
    check_selector(causes, "spec.instanceSelector", object.at("spec", "instanceSelector"));
    return causes;
  }
};

class PlacementRules final : public registry::Rules {
 public:
  void on_create(const registry::Call&, Value& object) const override {
    object::remove_annotation(object, placement::kTargetAnnotation);
    object.edit("status", "phase") = "Pending";
  }

  // The choice of a target is the scheduler's: users can neither name a target nor lose it.
  void on_update(const registry::Call& call, Value& object, const Value& before) const override {
    if (call.user->name == kControllersUser && call.user->in_group(auth::kMasters)) return;
    if (object::has_annotation(before, placement::kTargetAnnotation)) {
      object::set_annotation(object, placement::kTargetAnnotation,
                             object::annotation(before, placement::kTargetAnnotation));
    } else {
      object::remove_annotation(object, placement::kTargetAnnotation);
    }
  }

  std::vector<Cause> validate(const registry::Call&, const Value& object,
                              const Value&) const override {
    std::vector<Cause> causes;
    const Value& spec = object["spec"];
    std::size_t index = 0;
    for (const Value& one : spec["locationSelectors"].elements()) {
      check_selector(causes, fmt::format("spec.locationSelectors[{}]", index++), one);
    }
    check_selector(causes, "spec.namespaceSelector", spec["namespaceSelector"]);
    std::string path = spec["locationWorkspace"].str();
    if (!path.empty() && !tenancy::is_path(path)) {
      causes.push_back(object::invalid_value("spec.locationWorkspace", path,
                                             "must be the absolute path of a workspace"));
    }
    return causes;
  }
};

// Whether the user may have workloads at another workspace's Locations. An unknown workspace and a
// missing permission are answered alike, so that existence is not disclosed.
class PlacementCheck final : public registry::Admission {
 public:
  PlacementCheck(const server::ClusterResolver& clusters, auth::Authorizer& authorizer)
      : clusters_(clusters), authorizer_(authorizer) {}
  std::string_view name() const override { return "scheduling.kcp.io/Placement"; }

  Task<> validate(const registry::Call& call, const Value& object, const Value& before) override {
    bool relevant = call.kind->table() == kPlacements && object.is_object();
    const Value& path = object.at("spec", "locationWorkspace");
    if (!relevant || path.as_string().empty() || path == before.at("spec", "locationWorkspace")) {
      co_return;
    }
    auto cluster = clusters_.resolve(path.as_string());
    bool allowed = cluster && *cluster == call.cluster;
    if (cluster && !allowed) {
      auth::Attributes attributes;
      attributes.user = call.user;
      attributes.verb = "get";
      attributes.cluster = *cluster;
      attributes.group = kLocations.group;
      attributes.version = "v1alpha1";
      attributes.resource = kLocations.resource;
      attributes.deep = true;
      allowed = (co_await authorizer_.authorize(attributes)).decision == auth::Decision::Allow;
    }
    if (allowed) co_return;
    throw Error::forbidden(
        kPlacements.group, kPlacements.resource, object::name(object),
        fmt::format("no permission to use the locations of workspace {} (it needs the verb \"get\" "
                    "on locations.scheduling.kcp.io there), or there is no such workspace",
                    path.as_string()));
  }

 private:
  const server::ClusterResolver& clusters_;
  auth::Authorizer& authorizer_;
};

}  // namespace

void install_workload_rules(registry::Registry& registry, const server::ClusterResolver& clusters,
                            auth::Authorizer& authorizer) {
  registry.add_rules({kSyncTargets.group, kSyncTargets.resource},
                     std::make_shared<SyncTargetRules>(registry));
  registry.add_rules({kLocations.group, kLocations.resource}, std::make_shared<LocationRules>());
  registry.add_rules({kPlacements.group, kPlacements.resource}, std::make_shared<PlacementRules>());
  registry.add_admission(make_workload_guard());
  registry.add_admission(std::make_shared<PlacementCheck>(clusters, authorizer));
}

}  // namespace controllers
