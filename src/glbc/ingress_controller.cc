#include "glbc/ingress_controller.h"

#include <algorithm>

#include "base/strings.h"
#include "glbc/hosts.h"
#include "glbc/moves.h"
#include "glbc/projection.h"
#include "object/object.h"

namespace glbc {
namespace {

using controller::Key;
using controller::Plan;
using controller::World;
using json::Value;

void append(Plan& plan, Plan more) {
  for (auto& write : more.writes) plan.writes.push_back(std::move(write));
  for (auto& effect : more.effects) plan.effects.push_back(std::move(effect));
  if (more.look_again_at) plan.look_again(*more.look_again_at);
}

Task<> call(std::function<void(const std::string&)> function, std::string argument) {
  function(argument);
  co_return;
}

std::vector<Key> owner_of(const World&, const Value& control_object) {
  auto owner = find_owner(control_object);
  if (!owner || object::ns(control_object) != kControlNamespace) return {};
  return {owner->key()};
}

// A new authority concerns every certificate.
std::vector<Key> owner_of_secret(const World& world, const Value& secret) {
  if (object::name(secret) != kAuthority) return owner_of(world, secret);
  std::vector<Key> all;
  for (const Value& ingress : world.list(kIngressSource, "", "")) {
    all.push_back(controller::key_of(kIngressSource, ingress));
  }
  return all;
}

// Tenants may make what they like beside their Ingresses: only those that exist are looked at.
std::vector<Key> existing(const World& world, const Value& object, const std::string& name) {
  Key key{kIngressSource, object::annotation(object, "kcp.io/cluster"), object::ns(object), name};
  if (!world.find(key)) return {};
  return {key};
}

std::vector<Key> ingress_of_projection(const World& world, const Value& projection) {
  return existing(world, projection, object::name(projection));
}

std::vector<Key> ingress_of_copy(const World& world, const Value& secret) {
  std::string prefix = copy_name("");
  std::string name = object::name(secret);
  if (name.starts_with(prefix)) {
    auto found = existing(world, secret, name.substr(prefix.size()));
    if (!found.empty()) return found;
  }
  // A long name was shortened; then the owner has to be as it was made.
  return existing(world, secret, secret.at("metadata", "ownerReferences")[0]["name"].str());
}

}  // namespace

controller::Declaration IngressController::declare() const {
  controller::Declaration declaration;
  declaration.sources = parts_.sources;
  declaration.wakes = {{kRecordSource, owner_of},
                       {kLeafSource, owner_of_secret},
                       {kProjectionSource, ingress_of_projection},
                       {kCopySource, ingress_of_copy}};
  return declaration;
}

Plan IngressController::reconcile(const World& world, const Key& key,
                                  const std::optional<Value>& object) const {
  if (key.cluster.empty() || key.cluster == settings_.control_cluster) return {};
  if (!object) return collect(world, key);
  Owner owner = owner_for(*object);
  if (object::is_deleting(*object)) return finish(world, *object, owner);
  auto record = world.find(
      {kRecordSource, settings_.control_cluster, kControlNamespace, owner.control_name()});
  return record ? keep(world, *object, owner, *record) : assign_host(world, owner);
}

std::vector<Value> IngressController::records_of(const World& world, const Owner& owner) const {
  object::LabelSelector selector;
  selector.require({kOwnerLabel, object::LabelSelector::Operator::In, {owner.label()}});
  return world.list(kRecordSource, settings_.control_cluster, kControlNamespace, selector);
}

void IngressController::remove_record(const World& world, const Value& record, Plan& plan) const {
  if (parts_.probes) parts_.probes->forget(object::name(record));
  auto leaf =
      world.find({kLeafSource, settings_.control_cluster, kControlNamespace, object::name(record)});
  if (leaf) plan.remove(kLeafSource, settings_.control_cluster, *leaf);
  plan.remove(kRecordSource, settings_.control_cluster, record);
  plan.effects.push_back([on_removed = parts_.on_removed, name = object::name(record)] {
    return call(on_removed, name);
  });
}

// The host is stored before anybody learns of it; the record's appearance continues the work.
Plan IngressController::assign_host(const World& world, const Owner& owner) const {
  Plan plan;
  // Records of an Ingress of this name that is gone: it has another uid.
  for (const Value& other : records_of(world, owner)) remove_record(world, other, plan);
  Value record =
      object::make("kuadrant.dev/v1", "DNSRecord", owner.control_name(), kControlNamespace);
  owner.mark(record);
  object::set_annotation(record, kHost, parts_.xids->make(world.now()) + "." + settings_.domain);
  record.edit("spec").set("endpoints", Value::array());
  plan.create(kRecordSource, settings_.control_cluster, std::move(record));
  return plan;
}

Plan IngressController::keep(const World& world, const Value& ingress, const Owner& owner,
                             const Value& record) const {
  std::string host = object::annotation(record, kHost);
  Plan plan, last;
  Value wanted = ingress, published = record;
  object::add_finalizer(wanted, kFinalizer);
  apply_host(wanted, host, settings_.domain);

  Candidates candidates = candidates_of(ingress);
  bool probing = parts_.probes != nullptr;
  auto chosen = choose(candidates, record, probing);
  published.edit("spec").set("endpoints", endpoints_for(host, settings_.ttl, chosen));
  if (!chosen.empty()) {
    std::int64_t ttl = std::max({max_ttl_of(record), max_ttl_of(published), settings_.ttl});
    object::set_annotation(published, kLargestTtl, std::to_string(ttl));
  }
  object::remove_annotation(published, kOrphanedAt);
  auto next = apply_moves(wanted, published, record, candidates, world.now());
  if (next) plan.look_again(*next);
  certificates_.keep(world, wanted, owner, host, plan, last);
  watch_addresses(published, candidates);

  if (published != record) plan.update(kRecordSource, settings_.control_cluster, published);
  if (wanted != ingress) plan.update(kIngressSource, owner.cluster, wanted);
  project(world, ingress, published, candidates, plan);
  append(plan, std::move(last));
  return plan;
}

void IngressController::watch_addresses(const Value& record, const Candidates& candidates) const {
  if (!parts_.probes) return;
  ProbeOrder order;
  order.record = object::name(record);
  order.host = object::annotation(record, kHost);
  auto add = [&](const Address& one) {
    order.addresses.emplace(one.ip, find_verdict(record, one.ip));
  };
  std::ranges::for_each(candidates.addresses, add);
  std::ranges::for_each(published_in(record), add);
  for (const auto& verdict : record.at("status", "health").members()) {
    if (!order.addresses.contains(verdict.key)) order.outdated.insert(verdict.key);
  }
  parts_.probes->follow(order);
}

void IngressController::project(const World& world, const Value& ingress, const Value& record,
                                const Candidates& candidates, Plan& plan) const {
  std::string cluster = object::annotation(ingress, "kcp.io/cluster");
  auto present =
      world.find({kProjectionSource, cluster, object::ns(ingress), object::name(ingress)});
  if (present && object::is_deleting(*present)) return;
  Value wanted = projection_of(ingress, record, present);
  if (!present) {
    plan.create(kProjectionSource, cluster, std::move(wanted));
  } else if (wanted != *present) {
    plan.update(kProjectionSource, cluster, std::move(wanted));
  } else {
    Value told = projection_with_status(*present, record, candidates, world.now());
    if (told != *present) plan.update_status(kProjectionSource, cluster, std::move(told));
  }
}

// The Ingress is being deleted: nothing of it may be left, and nothing is waited for.
Plan IngressController::finish(const World& world, const Value& ingress, const Owner& owner) const {
  Plan plan;
  certificates_.remove_copy(world, owner, plan);
  auto projection = world.find({kProjectionSource, owner.cluster, owner.ns, owner.name});
  if (projection) plan.remove(kProjectionSource, owner.cluster, *projection);
  for (const Value& record : records_of(world, owner)) remove_record(world, record, plan);
  Value wanted = ingress;
  lift_all(wanted);
  object::remove_finalizer(wanted, kFinalizer);
  if (wanted != ingress) plan.update(kIngressSource, owner.cluster, std::move(wanted));
  return plan;
}

// The Ingress can not be seen. If its deletion was seen there is nothing left to do.
Plan IngressController::collect(const World& world, const Key& key) const {
  Plan plan;
  for (const Value& record : records_of(world, {key.cluster, key.ns, key.name, ""})) {
    auto since = parse_seconds(object::annotation(record, kOrphanedAt));
    if (!since || *since > world.now() + 1s) {
      Value noted = record;
      object::set_annotation(noted, kOrphanedAt, print_seconds(world.now()));
      plan.update(kRecordSource, settings_.control_cluster, std::move(noted));
      plan.look_again(world.now() + settings_.orphan_grace);
    } else if (*since + settings_.orphan_grace > world.now()) {
      plan.look_again(*since + settings_.orphan_grace);
    } else {
      remove_record(world, record, plan);
    }
  }
  return plan;
}

}  // namespace glbc
