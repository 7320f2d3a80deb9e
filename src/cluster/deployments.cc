#include "cluster/deployments.h"

#include <algorithm>

#include "base/strings.h"
#include "json/text.h"

namespace cluster {
namespace {

using json::Value;

constexpr const char* kHashLabel = "pod-template-hash";

// A short stable name for a pod template.
std::string hash_of(const Value& pod_template) {
  std::uint32_t hash = 2166136261u;
  for (unsigned char c : json::print(pod_template)) hash = (hash ^ c) * 16777619u;
  constexpr std::string_view kAlphabet = "bcdfghjklmnpqrstvwxz2456789";
  std::string text;
  for (int i = 0; i < 9; ++i, hash = hash / 27 + static_cast<unsigned>(i))
    text += kAlphabet[hash % 27];
  return text;
}

Value new_replica_set(const Value& deployment, const std::string& hash, std::int64_t replicas) {
  Value set = object::make("apps/v1", "ReplicaSet", object::name(deployment) + "-" + hash,
                           object::ns(deployment));
  set.edit("metadata").set("labels", deployment.at("spec", "template", "metadata", "labels"));
  object::set_label(set, kHashLabel, hash);
  set.edit("metadata", "ownerReferences").push_back(object::owner_reference(deployment, true));
  Value spec = Value::object({{"replicas", replicas},
                              {"selector", deployment.at("spec", "selector")},
                              {"template", deployment.at("spec", "template")}});
  spec.edit("selector", "matchLabels").set(kHashLabel, hash);
  spec.edit("template", "metadata", "labels").set(kHashLabel, hash);
  set.set("spec", std::move(spec));
  return set;
}

std::int64_t wanted(const Value& set) { return set.at("spec", "replicas").as_int(); }
std::int64_t ready(const Value& set) { return set.at("status", "readyReplicas").as_int(); }

struct Rollout {
  std::optional<Value> current;
  std::vector<Value> old;  // oldest first
  std::int64_t replicas = 0, surge = 0, unavailable = 0;

  std::int64_t total_wanted() const {
    std::int64_t total = current ? wanted(*current) : 0;
    for (const Value& set : old) total += wanted(set);
    return total;
  }
  std::int64_t total_ready() const {
    std::int64_t total = current ? ready(*current) : 0;
    for (const Value& set : old) total += ready(set);
    return total;
  }
};

void scale(controller::Plan& plan, Value set, std::int64_t replicas) {
  if (wanted(set) == replicas) return;
  set.edit("spec").set("replicas", replicas);
  plan.update("replicasets", "", std::move(set));
}

// One step of the rollout: up within the surge, down within what may be unavailable.
void step(controller::Plan& plan, const Value& deployment, const std::string& hash,
          const Rollout& r) {
  std::int64_t old_wanted = r.total_wanted() - (r.current ? wanted(*r.current) : 0);
  std::int64_t room = std::max<std::int64_t>(0, r.replicas + r.surge - old_wanted);
  std::int64_t target = std::min(r.replicas, room);
  if (!r.current) {
    plan.create("replicasets", "", new_replica_set(deployment, hash, target));
  } else {
    bool grows = target > wanted(*r.current) || old_wanted == 0 || r.replicas < wanted(*r.current);
    scale(plan, *r.current, grows ? target : wanted(*r.current));
  }
  std::int64_t may_go = r.total_ready() - (r.replicas - r.unavailable);
  for (const Value& set : r.old) {
    // What is not ready anyway may go at once.
    std::int64_t idle = wanted(set) - ready(set);
    std::int64_t down =
        std::min(wanted(set), idle + std::max<std::int64_t>(0, std::min(may_go, ready(set))));
    if (down <= 0) continue;
    may_go -= std::max<std::int64_t>(0, down - idle);
    scale(plan, set, wanted(set) - down);
  }
}

Value status_of(const Value& deployment, const Rollout& r, TimePoint now) {
  Value object = deployment;
  auto sum = [&](const char* field) {
    std::int64_t total = r.current ? r.current->at("status", field).as_int() : 0;
    for (const Value& set : r.old) total += set.at("status", field).as_int();
    return total;
  };
  std::int64_t updated = r.current ? r.current->at("status", "replicas").as_int() : 0;
  std::int64_t available = sum("availableReplicas");
  Value& status = object.edit("status");
  status.set("observedGeneration", object::generation(deployment));
  auto set_number = [&](const char* field, std::int64_t number) {
    if (number == 0) {
      status.erase(field);
    } else {
      status.set(field, number);
    }
  };
  set_number("replicas", sum("replicas"));
  set_number("updatedReplicas", updated);
  set_number("readyReplicas", sum("readyReplicas"));
  set_number("availableReplicas", available);
  set_number("unavailableReplicas", std::max<std::int64_t>(0, r.replicas - available));
  bool enough = available >= r.replicas - r.unavailable;
  bool complete = updated == r.replicas && available == r.replicas && sum("replicas") == r.replicas;
  object::set_condition(object,
                        {"Available", enough ? "True" : "False",
                         enough ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
                         enough ? "Deployment has minimum availability."
                                : "Deployment does not have minimum availability."},
                        now);
  object::set_condition(
      object,
      {"Progressing", "True", complete ? "NewReplicaSetAvailable" : "ReplicaSetUpdated",
       complete ? "The newest ReplicaSet has progressed." : "A ReplicaSet is progressing."},
      now);
  return object;
}

}  // namespace

std::int64_t share_of(const json::Value& value, std::int64_t replicas, bool round_up) {
  if (value.is_number()) return value.as_int();
  std::string_view text = value.as_string();
  if (!text.ends_with('%')) return 0;
  auto percent = parse_u64(text.substr(0, text.size() - 1)).value_or(0);
  std::int64_t product =
      replicas * static_cast<std::int64_t>(std::min<std::uint64_t>(percent, 1000));
  return (product + (round_up ? 99 : 0)) / 100;
}

controller::Declaration DeploymentController::declare() const {
  return {{source_of(kDeployments, client_), source_of(kReplicaSets, client_)},
          {{"replicasets", [](const controller::World&, const json::Value& set) {
              return controller_of(set, "Deployment", "deployments");
            }}}};
}

controller::Plan DeploymentController::reconcile(const controller::World& world,
                                                 const controller::Key& key,
                                                 const std::optional<json::Value>& object) const {
  controller::Plan plan;
  if (!object || object::is_deleting(*object)) return plan;
  const Value& deployment = *object;
  std::string hash = hash_of(deployment.at("spec", "template"));
  Rollout rollout;
  rollout.replicas = deployment.at("spec", "replicas").as_int(1);
  const Value& rolling = deployment.at("spec", "strategy", "rollingUpdate");
  auto setting = [&](const char* field) {
    return rolling.contains(field) ? rolling[field] : Value("25%");
  };
  rollout.surge = share_of(setting("maxSurge"), rollout.replicas, true);
  rollout.unavailable = share_of(setting("maxUnavailable"), rollout.replicas, false);
  if (rollout.surge == 0 && rollout.unavailable == 0) rollout.unavailable = 1;
  for (Value& set : world.list("replicasets", "", key.ns)) {
    if (!is_controlled_by(set, deployment)) continue;
    if (object::label(set, kHashLabel) == hash) {
      rollout.current = std::move(set);
    } else {
      rollout.old.push_back(std::move(set));
    }
  }
  step(plan, deployment, hash, rollout);
  Value status = status_of(deployment, rollout, world.now());
  if (status["status"] != deployment["status"])
    plan.update_status("deployments", "", std::move(status));
  return plan;
}

}  // namespace cluster
