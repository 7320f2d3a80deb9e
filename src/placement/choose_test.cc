#include "placement/choose.h"

#include <gtest/gtest.h>

#include "json/text.h"
#include "object/object.h"
#include "placement/keys.h"

namespace placement {
namespace {

const TimePoint kNow = *parse_time("2026-01-02T03:00:00Z");
constexpr Duration kToleration = 5min;

Target target(std::string name) {
  Target one;
  one.name = name;
  one.key = "key-" + name;
  one.ready = true;
  return one;
}
Target lost(std::string name, Duration since) {
  Target one = target(std::move(name));
  one.ready = false;
  one.lost_since = kNow - since;
  return one;
}
Target cordoned(std::string name) {
  Target one = target(std::move(name));
  one.cordoned = true;
  return one;
}
Target draining(std::string name, Duration since) {
  Target one = target(std::move(name));
  one.evict_after = kNow - since;
  return one;
}
Choice choose_from(std::vector<Location> candidates, std::string location, std::string target) {
  Present present{std::move(location), target.empty() ? "" : "key-" + target, !target.empty()};
  return choose(candidates, present, kNow, kToleration);
}

TEST(Choose, ANewPlacementGetsTheLocationWithMostTargetsThenTheFirstByName) {
  EXPECT_EQ(choose_from({{"a", {target("x")}}, {"b", {target("y"), target("z")}}}, "", "").key,
            "key-y");
  EXPECT_EQ(choose_from({{"b", {target("y")}}, {"a", {target("x")}}}, "", "").key, "key-x");
}

TEST(Choose, WithoutCandidatesThereIsNoLocation) {
  Choice choice = choose_from({}, "a", "x");
  EXPECT_EQ(choice.location, "");
  EXPECT_FALSE(choice.valid);
}

TEST(Choose, ATargetThatARivalHasComesLast) {
  Target shared = target("a"), busy = target("b"), idle = target("c");
  shared.rivals = 1;
  busy.load = 3;
  EXPECT_EQ(choose_from({{"l", {shared, busy, idle}}}, "", "").key, "key-c");
  EXPECT_EQ(choose_from({{"l", {shared}}}, "", "").key, "key-a");
}

TEST(Choose, TheSecondOfTwoPlacementsGoesToTheLocationThatIsFree) {
  Target taken = target("x");
  taken.rivals = 1;
  EXPECT_EQ(choose_from({{"a", {taken}}, {"b", {target("y")}}}, "", "").location, "b");
}

TEST(Choose, WhatIsChosenIsKeptThoughAnotherWouldBeBetter) {
  Target shared = target("b");
  shared.rivals = 1;
  Choice choice = choose_from({{"l", {target("a"), shared}}}, "l", "b");
  EXPECT_EQ(choice.key, "key-b");
  EXPECT_TRUE(choice.valid);
}

TEST(Choose, ACordonedTargetKeepsItsWorkAndGetsNoNew) {
  EXPECT_EQ(choose_from({{"l", {cordoned("a"), target("b")}}}, "l", "a").key, "key-a");
  EXPECT_EQ(choose_from({{"l", {cordoned("a"), target("b")}}}, "", "").key, "key-b");
  Choice none = choose_from({{"l", {cordoned("a")}}}, "", "");
  EXPECT_EQ(none.key, "");
  EXPECT_EQ(none.message, "location l: a takes no new work (unschedulable)");
}

TEST(Choose, ACordonedTargetKeepsItsLocationToo) {
  Choice choice = choose_from({{"a", {cordoned("x")}}, {"b", {target("y")}}}, "a", "x");
  EXPECT_EQ(choice.location, "a");
  EXPECT_EQ(choice.key, "key-x");
}

TEST(Choose, ADrainedTargetLosesItsWorkOnceTheTimeHasCome) {
  Choice early = choose_from({{"l", {draining("a", -1min), target("b")}}}, "l", "a");
  EXPECT_EQ(early.key, "key-a");
  EXPECT_EQ(early.look_again_at, kNow + 1min);
  Choice late = choose_from({{"l", {draining("a", 1min), target("b")}}}, "l", "a");
  EXPECT_EQ(late.key, "key-b");
  EXPECT_FALSE(late.for_loss);
}

TEST(Choose, ADrainedTargetWithoutAlternativeKeepsItsWorkAndSaysSo) {
  Choice choice = choose_from({{"l", {draining("a", 1min), cordoned("b")}}}, "l", "a");
  EXPECT_EQ(choice.key, "key-a");
  EXPECT_FALSE(choice.valid);
  EXPECT_EQ(choice.message,
            "location l: a is being drained since 2026-01-02T02:59:00Z, b takes no new work "
            "(unschedulable); the work stays on a until another target is available");
}

TEST(Choose, ALostTargetIsToleratedForAWhile) {
  Choice choice = choose_from({{"l", {lost("a", 1min), target("b")}}}, "l", "a");
  EXPECT_EQ(choice.key, "key-a");
  EXPECT_TRUE(choice.valid);
  EXPECT_EQ(choice.look_again_at, kNow + 4min);
}

TEST(Choose, ALostTargetLosesItsWorkAfterTheToleration) {
  Choice choice = choose_from({{"l", {lost("a", 6min), target("b")}}}, "l", "a");
  EXPECT_EQ(choice.key, "key-b");
  EXPECT_TRUE(choice.for_loss);
}

TEST(Choose, NothingMovesForLossWhileMostTargetsAreLost) {
  Choice choice = choose_from({{"l", {lost("a", 6min), lost("c", 6min), target("b")}}}, "l", "a");
  EXPECT_EQ(choice.key, "key-a");
  EXPECT_FALSE(choice.valid);
  EXPECT_TRUE(choice.message.contains("more than half"));
}

TEST(Choose, AnotherLocationTakesOverWhenTheChosenOneHasNoUsableTarget) {
  Choice choice = choose_from({{"a", {lost("x", 6min)}}, {"b", {target("y")}}}, "a", "x");
  EXPECT_EQ(choice.location, "b");
  EXPECT_EQ(choice.key, "key-y");
  EXPECT_TRUE(choice.for_loss);
  Choice halted = choose_from(
      {{"a", {lost("x", 6min)}}, {"b", {target("y")}}, {"c", {lost("z", 1min)}}}, "a", "x");
  EXPECT_EQ(halted.key, "key-x");
}

TEST(Choose, ALocationThatIsNoCandidateAnyMoreIsLeft) {
  Choice choice = choose_from({{"b", {target("y")}}}, "a", "x");
  EXPECT_EQ(choice.location, "b");
  EXPECT_EQ(choice.key, "key-y");
}

TEST(Choose, AnotherLocationWithTheSameTargetNeedsNoMove) {
  Choice choice = choose_from({{"b", {target("a"), target("b")}}, {"c", {target("x")}}}, "a", "x");
  EXPECT_EQ(choice.location, "c");
  EXPECT_EQ(choice.key, "key-x");
}

TEST(Choose, ATargetThatLacksABoundResourceIsNotChosen) {
  json::Value sync_target = *json::parse(R"({"metadata":{"name":"a","labels":{
      "internal.workload.kcp.io/key":"k"}},"status":{"conditions":[{"type":"Ready",
      "status":"True"}],"syncedResources":[{"group":"apps","resource":"deployments",
      "identityHash":"i","state":"Accepted"},{"resource":"services","identityHash":"i",
      "state":"Pending"}]}})");
  EXPECT_EQ(read_target(sync_target, {{"apps", "deployments", "i"}}).unserved, "");
  EXPECT_EQ(read_target(sync_target, {{"apps", "deployments", "j"}}).unserved, "deployments.apps");
  EXPECT_EQ(read_target(sync_target, {{"", "services", "i"}}).unserved, "services");
  EXPECT_FALSE(read_target(sync_target, {{"", "services", "i"}}).accepts_work(kNow));
}

TEST(Choose, OnlyBindingsForComputeCount) {
  json::Value binding = *json::parse(R"({"metadata":{"name":"b"},"status":{"boundResources":[
      {"group":"apps","resource":"deployments","schema":{"identityHash":"i"}}]}})");
  EXPECT_TRUE(needed_by({binding}).empty());
  object::set_annotation(binding, kComputeAnnotation, "true");
  EXPECT_EQ(needed_by({binding}), (std::vector<NeededResource>{{"apps", "deployments", "i"}}));
}

TEST(Choose, SelectorsOverlapUnlessTheyContradict) {
  auto overlap = [](const char* one, const char* other) {
    return may_overlap(*json::parse(one), *json::parse(other));
  };
  EXPECT_TRUE(overlap("{}", R"({"matchLabels":{"a":"1"}})"));
  EXPECT_FALSE(overlap("null", "{}"));
  EXPECT_FALSE(overlap(R"({"matchLabels":{"a":"1"}})", R"({"matchLabels":{"a":"2"}})"));
  EXPECT_TRUE(overlap(R"({"matchLabels":{"a":"1"}})", R"({"matchLabels":{"b":"2"}})"));
  EXPECT_FALSE(overlap(R"({"matchLabels":{"a":"1"}})",
                       R"({"matchExpressions":[{"key":"a","operator":"DoesNotExist"}]})"));
  EXPECT_FALSE(
      overlap(R"({"matchLabels":{"a":"1"}})",
              R"({"matchExpressions":[{"key":"a","operator":"NotIn","values":["1","2"]}]})"));
}

TEST(Choose, LocationsAreSelectedByLabelsAndResource) {
  json::Value location = *json::parse(R"({"metadata":{"name":"l","labels":{"region":"eu"}},
      "spec":{"resource":{"group":"workload.kcp.io","version":"v1alpha1",
      "resource":"synctargets"}}})");
  json::Value placement = *json::parse(R"({"spec":{"locationSelectors":[
      {"matchLabels":{"region":"us"}},{"matchLabels":{"region":"eu"}}],"locationResource":
      {"resource":"synctargets","group":"workload.kcp.io","version":"v1alpha1"}}})");
  EXPECT_TRUE(is_candidate(location, placement));
  object::set_label(location, "region", "asia");
  EXPECT_FALSE(is_candidate(location, placement));
  placement.edit("spec").set("locationSelectors", json::Value::array());
  EXPECT_FALSE(is_candidate(location, placement));
}

}  // namespace
}  // namespace placement
