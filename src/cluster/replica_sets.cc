#include "cluster/replica_sets.h"

#include <algorithm>

#include "base/random.h"

namespace cluster {
namespace {

using json::Value;

Value new_pod(const Value& set) {
  Value pod =
      object::make("v1", "Pod", object::name(set) + "-" + random_name_suffix(5), object::ns(set));
  const Value& from = set.at("spec", "template", "metadata");
  for (const char* field : {"labels", "annotations"}) {
    if (from.contains(field)) pod.edit("metadata").set(field, from[field]);
  }
  pod.edit("metadata", "ownerReferences").push_back(object::owner_reference(set, true));
  pod.set("spec", set.at("spec", "template", "spec"));
  return pod;
}

}  // namespace

controller::Declaration ReplicaSetController::declare() const {
  return {{source_of(kReplicaSets, client_), source_of(kPods, client_)},
          {{"pods", [](const controller::World&, const json::Value& pod) {
              return controller_of(pod, "ReplicaSet", "replicasets");
            }}}};
}

controller::Plan ReplicaSetController::reconcile(const controller::World& world,
                                                 const controller::Key& key,
                                                 const std::optional<json::Value>& object) const {
  controller::Plan plan;
  if (!object || object::is_deleting(*object)) return plan;
  const Value& set = *object;
  std::vector<Value> pods;
  for (Value& pod : world.list("pods", "", key.ns)) {
    if (is_controlled_by(pod, set) && !object::is_deleting(pod)) pods.push_back(std::move(pod));
  }
  auto wanted =
      static_cast<std::size_t>(std::max<std::int64_t>(0, set.at("spec", "replicas").as_int(1)));
  for (std::size_t i = pods.size(); i < wanted; ++i) plan.create("pods", "", new_pod(set));
  // Those that are not ready go first.
  std::ranges::sort(pods, [](const Value& a, const Value& b) { return is_ready(a) < is_ready(b); });
  std::int64_t ready = std::ranges::count_if(pods, is_ready);
  for (std::size_t i = 0; i + wanted < pods.size(); ++i) plan.remove("pods", "", pods[i]);

  Value status = set;
  Value numbers = Value::object({{"replicas", static_cast<std::int64_t>(pods.size())},
                                 {"fullyLabeledReplicas", static_cast<std::int64_t>(pods.size())},
                                 {"observedGeneration", object::generation(set)}});
  if (ready > 0) numbers.set("readyReplicas", ready).set("availableReplicas", ready);
  status.set("status", std::move(numbers));
  if (status["status"] != set["status"]) plan.update_status("replicasets", "", std::move(status));
  return plan;
}

}  // namespace cluster
