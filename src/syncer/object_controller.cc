#include "syncer/object_controller.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "placement/view.h"

namespace syncer {
namespace {

using controller::Key;
using controller::Plan;
using controller::World;
using json::Value;

Task<> tell(std::function<void(const std::string&)> listener, std::string ns) {
  listener(ns);
  co_return;
}

Task<> log_problem(Key key, std::string problem) {
  log(LogLevel::Warning, "syncer", "a problem of an object",
      {{"cluster", key.cluster}, {"namespace", key.ns}, {"name", key.name}, {"why", problem}});
  co_return;
}

bool is_of(const placement::Locator& locator, const Target& target) {
  return locator.target_uid == target.uid && locator.target_cluster == target.cluster &&
         locator.target_name == target.name;
}

placement::Locator locator_on(const Value& object) {
  return placement::parse_locator(object::annotation(object, placement::kLocator));
}

}  // namespace

controller::Source downstream_source(const char* name, client::Resource resource,
                                     const Target& target,
                                     std::shared_ptr<client::Client> downstream) {
  controller::Source source;
  source.name = name;
  source.resource = std::move(resource);
  source.label_selector = fmt::format("{}={}", placement::kClusterLabel, target.key);
  source.read_base = downstream->base_path();
  source.client = std::move(downstream);
  return source;
}

ObjectController::ObjectController(Parts parts)
    : parts_(std::move(parts)),
      name_("syncer-" +
            object::GroupResource{parts_.upstream.resource.group, parts_.upstream.resource.resource}
                .text()),
      finalizer_(std::string(placement::kSyncerFinalizer) + parts_.target.key) {}

controller::Declaration ObjectController::declare() const {
  return {{parts_.upstream, parts_.downstream, parts_.namespaces},
          {{kDownstream,
            [this](const World& world, const Value& object) { return owners_of(world, object); }},
           {kNamespaces,
            [this](const World& world, const Value& ns) { return content_of(world, ns); }}}};
}

std::vector<Key> ObjectController::owners_of(const World& world, const Value& downstream) const {
  auto ns = world.find({kNamespaces, "", "", object::ns(downstream)});
  auto locator = ns ? locator_on(*ns) : placement::Locator{};
  if (!is_of(locator, parts_.target)) return {};
  return {{kUpstream, locator.cluster, locator.ns, object::name(downstream)}};
}

// Objects downstream may have been listed before their namespaces were: they are found here.
std::vector<Key> ObjectController::content_of(const World& world, const Value& ns) const {
  auto locator = locator_on(ns);
  if (!is_of(locator, parts_.target)) return {};
  std::vector<Key> keys;
  for (const Value& object : world.list(kUpstream, locator.cluster, locator.ns)) {
    keys.push_back(controller::key_of(kUpstream, object));
  }
  for (const Value& object : world.list(kDownstream, "", object::name(ns))) {
    keys.push_back({kUpstream, locator.cluster, locator.ns, object::name(object)});
  }
  return keys;
}

Plan ObjectController::reconcile(const World& world, const Key& key,
                                 const std::optional<Value>& view) const {
  Plan plan;
  bool ours = view && object::has_finalizer(*view, finalizer_);
  if (!view || object::is_deleting(*view)) {
    let_go(world, key, ours ? view : std::nullopt, plan);
  } else if (is_never_synced(*view)) {
    return plan;
  } else if (!ours) {  // first ours upstream, then a copy: so none is ever left behind
    Value taken = *view;
    object::add_finalizer(taken, finalizer_);
    plan.update(kUpstream, key.cluster, std::move(taken));
  } else {
    sync(world, key, *view, plan);
  }
  return plan;
}

// Removes the copy; once it has gone, `view` (nothing if it is not ours or has gone) is released.
void ObjectController::let_go(const World& world, const Key& key, const std::optional<Value>& view,
                              Plan& plan) const {
  auto locator = parts_.target.locator(key.cluster, key.ns);
  std::string ns = locator.downstream_namespace();
  auto there = world.find({kNamespaces, "", "", ns});
  auto live = world.find({kDownstream, "", ns, key.name});
  bool foreign = there && locator_on(*there) != locator;
  if (live && !foreign) {
    if (!object::is_deleting(*live)) plan.remove(kDownstream, "", *live);
    return;
  }
  if (view) {
    Value released = *view;
    object::remove_finalizer(released, finalizer_);
    plan.update(kUpstream, key.cluster, std::move(released));
  }
  plan.effects.push_back([listener = parts_.namespace_idle, ns] { return tell(listener, ns); });
}

void ObjectController::ensure_namespace(const World& world, const placement::Locator& locator,
                                        Plan& plan) const {
  Value wanted = downstream_namespace(locator, parts_.target.key);
  auto live = world.find({kNamespaces, "", "", object::name(wanted)});
  if (!live) {
    plan.create(kNamespaces, "", std::move(wanted));
    return;
  }
  if (locator_on(*live) != locator) {
    throw Error(Reason::Conflict,
                fmt::format("the downstream namespace {} carries another locator: it belongs to "
                            "something else; remove it or its locator",
                            object::name(wanted)));
  }
  if (object::is_deleting(*live)) {
    throw Error(Reason::Conflict,
                fmt::format("the downstream namespace {} is being deleted", object::name(wanted)));
  }
  if (object::label(*live, placement::kTenant) != object::label(wanted, placement::kTenant)) {
    Value patch = Value::object();
    patch.edit("metadata", "labels")
        .set(placement::kTenant, object::label(wanted, placement::kTenant));
    plan.patch(kNamespaces, "", *live, std::move(patch));
  }
}

void ObjectController::sync(const World& world, const Key& key, const Value& view,
                            Plan& plan) const {
  std::string problem = object::annotation(view, placement::kProblem);
  if (!problem.empty()) {
    plan.effects.push_back([key, problem] { return log_problem(key, problem); });
  }
  auto locator = parts_.target.locator(key.cluster, key.ns);
  std::string ns = locator.downstream_namespace();
  ensure_namespace(world, locator, plan);
  Value wanted = downstream_copy(view, parts_.target, ns);
  auto live = world.find({kDownstream, "", ns, key.name});
  if (!live) {
    plan.create(kDownstream, "", std::move(wanted));
    return;
  }
  if (object::is_deleting(*live)) return;  // made anew when it has gone
  Value patch = update_of(*live, wanted);
  if (!patch.empty()) plan.patch(kDownstream, "", *live, std::move(patch));
  report(*live, key, view, plan);
}

void ObjectController::report(const Value& live, const Key& key, const Value& view,
                              Plan& plan) const {
  auto status = upstream_status(live);
  if (!status || *status == view["status"]) return;
  Value reported = view;
  reported.set("status", std::move(*status));
  plan.update_status(kUpstream, key.cluster, std::move(reported));
}

}  // namespace syncer
