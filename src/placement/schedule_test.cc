#include "placement/schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "json/text.h"
#include "placement/intents.h"
#include "placement/keys.h"

namespace placement {
namespace {

using json::Value;

const TimePoint kNow = *parse_time("2026-01-02T03:00:00Z");
constexpr const char* kNowText = "2026-01-02T03:00:00Z";
constexpr const char* kEarlier = "2026-01-02T02:55:00Z";

std::string state(const std::string& key) { return "state.workload.kcp.io/" + key; }
std::string deletion(const std::string& key) { return "deletion.internal.workload.kcp.io/" + key; }
std::string soft(const std::string& key) { return "finalizers.workload.kcp.io/" + key; }

// A namespace, its objects and the targets; step() does what the schedule says.
struct Cluster {
  Value ns = object::make("v1", "Namespace", "n");
  std::map<std::string, Value> objects;
  Keys wanted;
  Keys known{"a", "b"};
  TimePoint now = kNow;
  std::size_t parsed = 0;

  Value& add(const std::string& name) {
    return objects.emplace(name, object::make("v1", "ConfigMap", name, "n")).first->second;
  }
  // As if the syncer of `key` had taken the object over.
  void own(const std::string& name, const std::string& key) {
    object::set_label(objects[name], state(key), "Sync");
    object::add_finalizer(objects[name], "workload.kcp.io/syncer-" + key);
  }
  void label(const std::string& key) { object::set_label(ns, state(key), "Sync"); }

  Schedule look() {
    Situation situation;
    situation.ns = ns;
    situation.wanted = wanted;
    situation.placed = !wanted.empty();
    situation.is_known = [this](const std::string& key) { return known.contains(key); };
    situation.now = now;
    for (const auto& [name, object] : objects) {
      object::Labels its;
      for (const auto& one : object.at("metadata", "labels").members()) {
        its.emplace_back(one.key, one.value.str());
      }
      std::ranges::sort(its);
      situation.content.push_back({std::move(its), Bytes(json::print(object)),
                                   object::is_deleting(object), name == "excluded",
                                   [this, &object] {
                                     ++parsed;
                                     return object;
                                   }});
    }
    return schedule(situation);
  }
  // Whether anything changed.
  bool step() {
    auto outcome = look();
    std::vector<std::string> names;
    for (const auto& [name, object] : objects) names.push_back(name);
    for (Change& change : outcome.changes) {
      if (change.after.is_null()) {
        objects.erase(names[change.index]);
      } else {
        objects[names[change.index]] = change.after;
      }
    }
    bool changed = outcome.ns != ns || !outcome.changes.empty();
    ns = outcome.ns;
    return changed;
  }
  void settle() {
    for (int i = 0; i < 10 && step(); ++i) {
    }
    EXPECT_FALSE(step()) << "does not come to rest";
  }
};

TEST(Schedule, WantedKeysComeToTheNamespaceAndToEveryObject) {
  Cluster cluster;
  cluster.add("x");
  cluster.wanted = {"a"};

  cluster.settle();

  EXPECT_EQ(object::label(cluster.ns, state("a")), "Sync");
  EXPECT_TRUE(object::has_annotation(cluster.ns, kPlacementAnnotation));
  EXPECT_EQ(object::label(cluster.objects["x"], state("a")), "Sync");
  EXPECT_EQ(scheduled_condition(cluster.ns).status, "True");
}

TEST(Schedule, SettledObjectsAreNotParsed) {
  Cluster cluster;
  for (int i = 0; i < 100; ++i) cluster.add("x" + std::to_string(i));
  cluster.wanted = {"a"};
  cluster.settle();
  cluster.own("x1", "a");
  cluster.parsed = 0;

  EXPECT_FALSE(cluster.step());

  EXPECT_EQ(cluster.parsed, 0u);
}

TEST(Schedule, ManyObjectsAreDoneInSteps) {
  Cluster cluster;
  for (int i = 0; i < 250; ++i) cluster.add("x" + std::to_string(i));
  cluster.wanted = {"a"};
  cluster.step();

  auto first = cluster.look();
  EXPECT_EQ(first.changes.size(), 200u);
  EXPECT_EQ(first.look_again_at, kNow);
  cluster.settle();
  EXPECT_TRUE(std::ranges::all_of(
      cluster.objects, [](const auto& one) { return object::has_label(one.second, state("a")); }));
}

TEST(Schedule, TheLoserKeepsItsCopiesUntilTheWinnerServes) {
  Cluster cluster;
  cluster.add("x");
  cluster.label("a");
  cluster.own("x", "a");
  cluster.wanted = {"b"};

  cluster.settle();
  EXPECT_EQ(object::label(cluster.objects["x"], state("b")), "Sync");
  EXPECT_FALSE(object::has_annotation(cluster.ns, deletion("a")));
  EXPECT_FALSE(object::has_annotation(cluster.objects["x"], deletion("a")));

  cluster.own("x", "b");
  cluster.settle();
  EXPECT_EQ(object::annotation(cluster.ns, deletion("a")), kNowText);
  EXPECT_EQ(object::annotation(cluster.objects["x"], deletion("a")), kNowText);
  EXPECT_EQ(object::label(cluster.ns, state("a")), "Sync") << "its objects are still there";

  forget(cluster.objects["x"], "a");  // as the syncer does, once its copy is gone
  cluster.settle();
  EXPECT_FALSE(object::has_label(cluster.ns, state("a")));
  EXPECT_FALSE(object::has_annotation(cluster.ns, deletion("a")));
  EXPECT_FALSE(json::print(cluster.ns).contains("leaving"));
}

TEST(Schedule, NewObjectsGoToBothSidesWhileOneWaitsForTheOther) {
  Cluster cluster;
  cluster.add("x");
  cluster.label("a");
  cluster.own("x", "a");
  cluster.wanted = {"b"};
  cluster.settle();

  cluster.add("y");
  cluster.settle();

  EXPECT_TRUE(object::has_label(cluster.objects["y"], state("a")));
  EXPECT_TRUE(object::has_label(cluster.objects["y"], state("b")));
}

TEST(Schedule, PatienceWithTheWinnerEnds) {
  Cluster cluster;
  cluster.add("x");
  cluster.label("a");
  cluster.own("x", "a");
  cluster.wanted = {"b"};
  cluster.settle();
  EXPECT_EQ(cluster.look().look_again_at, kNow + 10min);

  cluster.now += 10min;
  cluster.settle();

  EXPECT_TRUE(object::has_annotation(cluster.objects["x"], deletion("a")));
}

TEST(Schedule, WithoutAnyWantedKeyThereIsNothingToWaitFor) {
  Cluster cluster;
  cluster.add("x");
  cluster.label("a");
  cluster.own("x", "a");

  cluster.settle();

  EXPECT_EQ(object::annotation(cluster.objects["x"], deletion("a")), kNowText);
  EXPECT_FALSE(object::has_annotation(cluster.ns, kPlacementAnnotation));
  EXPECT_EQ(scheduled_condition(cluster.ns).message, "No available placements");
}

TEST(Schedule, AnObjectWithoutACopyJustLosesItsLabel) {
  Cluster cluster;
  cluster.add("x");
  cluster.label("a");
  object::set_label(cluster.objects["x"], state("a"), "Sync");

  cluster.settle();

  EXPECT_TRUE(intents_of(cluster.objects["x"]).empty());
  EXPECT_TRUE(intents_of(cluster.ns).empty());
}

TEST(Schedule, SoftFinalizersGoFirstAndHoldBackTheOthers) {
  Cluster cluster;
  cluster.add("ingress");
  cluster.add("service");
  cluster.label("a");
  cluster.own("ingress", "a");
  cluster.own("service", "a");
  object::set_annotation(cluster.objects["ingress"], soft("a"), "glbc");

  cluster.settle();
  EXPECT_TRUE(object::has_annotation(cluster.objects["ingress"], deletion("a")));
  EXPECT_FALSE(object::has_annotation(cluster.objects["service"], deletion("a")));

  object::remove_annotation(cluster.objects["ingress"], soft("a"));
  cluster.settle();
  EXPECT_TRUE(object::has_annotation(cluster.objects["service"], deletion("a")));
}

TEST(Schedule, ARemovalIsCancelledWhenTheKeyIsWantedAgain) {
  Cluster cluster;
  cluster.add("x");
  cluster.label("a");
  cluster.own("x", "a");
  cluster.settle();
  ASSERT_TRUE(object::has_annotation(cluster.objects["x"], deletion("a")));

  cluster.wanted = {"a"};
  cluster.settle();

  EXPECT_FALSE(object::has_annotation(cluster.objects["x"], deletion("a")));
  EXPECT_FALSE(object::has_annotation(cluster.ns, deletion("a")));
  EXPECT_EQ(object::label(cluster.objects["x"], state("a")), "Sync");
}

TEST(Schedule, ATargetThatIsGoneIsForgottenEverywhere) {
  Cluster cluster;
  cluster.add("x");
  cluster.label("a");
  cluster.own("x", "a");
  object::set_annotation(cluster.objects["x"], soft("a"), "glbc");
  cluster.known = {"b"};

  cluster.settle();

  EXPECT_FALSE(json::print(cluster.objects["x"]).contains("workload.kcp.io"));
  EXPECT_TRUE(intents_of(cluster.ns).empty());
}

TEST(Schedule, AnObjectThatIsDeletedLeavesEveryTargetAtOnce) {
  Cluster cluster;
  Value& object = cluster.add("x");
  object.edit("metadata").set("deletionTimestamp", kEarlier);
  cluster.label("a");
  cluster.label("b");
  cluster.own("x", "a");
  cluster.own("x", "b");
  object::set_annotation(cluster.objects["x"], soft("b"), "glbc");
  cluster.wanted = {"a", "b"};

  cluster.settle();

  EXPECT_EQ(object::annotation(cluster.objects["x"], deletion("a")), kEarlier);
  EXPECT_EQ(object::annotation(cluster.objects["x"], deletion("b")), kEarlier);
}

TEST(Schedule, ADyingNamespaceGetsNothingNew) {
  Cluster cluster;
  cluster.add("x");
  cluster.ns.edit("metadata").set("deletionTimestamp", kEarlier);
  cluster.wanted = {"a"};

  cluster.settle();

  EXPECT_TRUE(intents_of(cluster.ns).empty());
  EXPECT_TRUE(intents_of(cluster.objects["x"]).empty());
}

TEST(Schedule, ALabelThatTheNamespaceDoesNotHaveIsTakenOff) {
  Cluster cluster;
  cluster.add("x");
  object::set_label(cluster.objects["x"], state("b"), "Sync");
  cluster.label("a");
  cluster.wanted = {"a"};

  cluster.settle();

  EXPECT_FALSE(object::has_label(cluster.objects["x"], state("b")));
}

TEST(Schedule, ExcludedObjectsAreNotSynced) {
  Cluster cluster;
  cluster.add("excluded");
  cluster.wanted = {"a"};

  cluster.settle();

  EXPECT_TRUE(intents_of(cluster.objects["excluded"]).empty());
}

TEST(Schedule, ASyncerThatLostItsLabelGetsItBackToLetGo) {
  Cluster cluster;
  cluster.add("x");
  object::add_finalizer(cluster.objects["x"], "workload.kcp.io/syncer-a");
  object::add_finalizer(cluster.objects["x"], "workload.kcp.io/syncer-gone");

  cluster.settle();

  EXPECT_EQ(object::annotation(cluster.objects["x"], deletion("a")), kNowText);
  EXPECT_TRUE(object::has_label(cluster.objects["x"], state("a")));
  EXPECT_FALSE(object::has_finalizer(cluster.objects["x"], "workload.kcp.io/syncer-gone"));
}

TEST(Schedule, ObjectsThatATargetOwnsAreLeftAloneAndGoWithIt) {
  Cluster cluster;
  cluster.add("x");
  object::set_label(cluster.objects["x"], state("a"), "Upsync");
  cluster.label("b");
  cluster.wanted = {"b"};
  cluster.settle();
  EXPECT_FALSE(object::has_label(cluster.objects["x"], state("b")));

  cluster.known = {"b"};
  cluster.settle();
  EXPECT_FALSE(cluster.objects.contains("x"));
}

TEST(Schedule, APendingLabelOfACoordinatorIsLeft) {
  Cluster cluster;
  cluster.add("x");
  object::set_label(cluster.objects["x"], state("a"), "");
  cluster.wanted = {"a"};

  cluster.settle();

  EXPECT_EQ(object::label(cluster.objects["x"], state("a")), "");
}

TEST(Schedule, ANamespaceWithPlacementButNoTargetIsUnschedulable) {
  Value ns = object::make("v1", "Namespace", "n");
  object::set_annotation(ns, kPlacementAnnotation, "");
  EXPECT_EQ(scheduled_condition(ns).reason, "Unschedulable");
  EXPECT_EQ(scheduled_condition(ns).message, "No available sync targets");
}

}  // namespace
}  // namespace placement
