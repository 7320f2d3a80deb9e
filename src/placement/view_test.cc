#include "placement/view.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "json/text.h"
#include "object/object.h"
#include "placement/intents.h"
#include "placement/keys.h"
#include "placement/status.h"

namespace placement {
namespace {

using json::Value;

std::string key_of(std::string_view prefix, std::string_view key) {
  return std::string(prefix) + std::string(key);
}

Value parse(const char* text) { return value_or_throw(json::parse(text)); }

Value deployment(std::initializer_list<const char*> keys) {
  Value object = object::make("apps/v1", "Deployment", "web", "default");
  object.edit("metadata").set("uid", "u1").set("resourceVersion", "7");
  object.set("spec", parse(R"({"replicas":4,"template":{}})"));
  for (const char* key : keys) object::set_label(object, key_of(kStateLabel, key), "Sync");
  return object;
}

Value view(const Value& stored, const char* key) {
  return view_of(stored, key, "https://host/clusters/c");
}

// The syncer of `key` takes the object over.
Value owned(const Value& stored, const char* key) {
  Value seen = view(stored, key);
  object::add_finalizer(seen, key_of(kSyncerFinalizer, key));
  return value_or_throw(apply_view(stored, seen, key, Part::Main));
}

Value reported(const Value& stored, const char* key, const char* status) {
  Value seen = view(stored, key);
  seen.set("status", parse(status));
  return value_or_throw(apply_view(stored, seen, key, Part::Status));
}

void ask_removal(Value& stored, const char* key) {
  object::set_annotation(stored, key_of(kDeletion, key), "2026-01-02T03:04:05Z");
}

Value let_go(const Value& stored, const char* key) {
  Value seen = view(stored, key);
  object::remove_finalizer(seen, key_of(kSyncerFinalizer, key));
  return value_or_throw(apply_view(stored, seen, key, Part::Main));
}

TEST(View, ShowsNothingOfOtherTargets) {
  Value stored = owned(owned(deployment({"a", "b"}), "a"), "b");
  stored = reported(stored, "b", R"({"replicas":1})");
  stored.edit("metadata").set("deletionTimestamp", "2026-01-01T00:00:00Z");
  object::set_annotation(stored, key_of(kSpecDiff, "b"), "[]");
  object::set_annotation(stored, key_of(kSoftFinalizers, "b"), "x");
  object::set_annotation(stored, key_of(kDeletion, "b"), "2026-01-01T00:00:00Z");

  Value seen = view(stored, "a");

  std::string text = json::print(seen);
  EXPECT_EQ(text.find("workload.kcp.io/b"), std::string::npos) << text;
  EXPECT_EQ(text.find("syncer.internal"), std::string::npos) << text;
  EXPECT_EQ(text.find("syncer-b"), std::string::npos) << text;
  EXPECT_FALSE(object::is_deleting(seen));
  EXPECT_TRUE(seen["status"].is_null());
  EXPECT_EQ(object::annotation(seen, kWorkspaceUrl), "https://host/clusters/c");
}

TEST(View, AppliesTheTargetsSpecDiff) {
  Value stored = deployment({"a"});
  object::set_annotation(stored, key_of(kSpecDiff, "a"),
                         R"([{"op":"replace","path":"/replicas","value":3}])");

  Value seen = view(stored, "a");

  EXPECT_EQ(seen.at("spec", "replicas").as_int(), 3);
  EXPECT_FALSE(object::has_annotation(seen, kProblem));
}

TEST(View, ABadSpecDiffIsAProblemAndNotAFailure) {
  for (const char* bad : {"nonsense", R"([{"op":"replace","path":"/none","value":1}])"}) {
    Value stored = deployment({"a"});
    object::set_annotation(stored, key_of(kSpecDiff, "a"), bad);

    Value seen = view(stored, "a");

    EXPECT_EQ(seen.at("spec", "replicas").as_int(), 4);
    EXPECT_TRUE(object::has_annotation(seen, kProblem)) << bad;
  }
}

TEST(View, LeavesOnceNobodyHoldsItBack) {
  Value stored = deployment({"a"});
  ask_removal(stored, "a");
  EXPECT_TRUE(object::is_deleting(view(stored, "a")));

  object::set_annotation(stored, key_of(kSoftFinalizers, "a"), "holder");
  EXPECT_FALSE(object::is_deleting(view(stored, "a")));
}

TEST(View, OneTargetsStatusIsTheObjects) {
  Value stored = owned(deployment({"a"}), "a");

  stored = reported(stored, "a", R"({"replicas":4})");

  EXPECT_EQ(stored["status"], parse(R"({"replicas":4})"));
  EXPECT_EQ(object::annotation(stored, key_of(kView, "a")), R"({"status":"##promoted##"})");
  EXPECT_EQ(view(stored, "a")["status"], stored["status"]);
}

TEST(View, AJoiningTargetSeesNoStatusAndTheSumIsShown) {
  Value stored = reported(owned(deployment({"a"}), "a"), "a", R"({"replicas":4})");
  object::set_label(stored, key_of(kStateLabel, "b"), "Sync");
  EXPECT_TRUE(view(stored, "b")["status"].is_null());

  stored = owned(stored, "b");
  stored = reported(stored, "b", R"({"replicas":1})");

  EXPECT_EQ(stored["status"], parse(R"({"replicas":5})"));
  EXPECT_EQ(view(stored, "a")["status"], parse(R"({"replicas":4})"));
  EXPECT_EQ(view(stored, "b")["status"], parse(R"({"replicas":1})"));
}

TEST(View, TheStatusOfTheOneThatStaysIsPromoted) {
  Value stored = owned(owned(deployment({"a", "b"}), "a"), "b");
  stored = reported(reported(stored, "a", R"({"replicas":4})"), "b", R"({"replicas":1})");
  ask_removal(stored, "a");
  object::set_annotation(stored, key_of(kSpecDiff, "a"), "[]");

  stored = let_go(stored, "a");

  EXPECT_EQ(stored["status"], parse(R"({"replicas":1})"));
  EXPECT_EQ(object::annotation(stored, key_of(kView, "b")), R"({"status":"##promoted##"})");
  EXPECT_EQ(json::print(stored).find("workload.kcp.io/a"), std::string::npos);
  EXPECT_EQ(intents_of(stored).size(), 1u);
}

TEST(View, ALeavingTargetCountsOnlyWhileNoOtherReports) {
  Value stored = owned(owned(deployment({"a", "b"}), "a"), "b");
  ask_removal(stored, "a");
  object::set_annotation(stored, key_of(kSoftFinalizers, "a"), "holder");

  stored = reported(stored, "a", R"({"replicas":4})");
  EXPECT_EQ(stored["status"], parse(R"({"replicas":4})"));
  stored = reported(stored, "b", R"({"replicas":3})");
  EXPECT_EQ(stored["status"], parse(R"({"replicas":3})"));
}

TEST(View, TheLastToLeaveTakesTheStatusAlong) {
  Value stored = reported(owned(deployment({"a"}), "a"), "a", R"({"replicas":4})");
  ask_removal(stored, "a");

  stored = let_go(stored, "a");

  EXPECT_FALSE(stored.contains("status"));
  EXPECT_TRUE(stored.at("metadata", "annotations").empty());
  EXPECT_TRUE(object::finalizers(stored).empty());
}

TEST(View, OnlyFinalizerAndStatusAreTaken) {
  Value stored = deployment({"a"}), seen = view(stored, "a");
  object::add_finalizer(seen, key_of(kSyncerFinalizer, "a"));
  object::add_finalizer(seen, "foreign");
  seen.edit("spec").set("replicas", 99);
  object::set_label(seen, "more", "x");

  Value after = value_or_throw(apply_view(stored, seen, "a", Part::Main));

  EXPECT_EQ(after["spec"], stored["spec"]);
  EXPECT_FALSE(object::has_label(after, "more"));
  EXPECT_EQ(object::finalizers(after), std::vector{key_of(kSyncerFinalizer, "a")});
}

Reason refusal(const Value& stored, const Value& seen, const char* key, Part part) {
  auto result = apply_view(stored, seen, key, part);
  return result ? Reason::InternalError : result.error().reason();
}

TEST(View, RefusesWhatItMust) {
  Value stored = owned(deployment({"a"}), "a"), seen = view(stored, "a"), old = seen, held = stored;
  old.edit("metadata").set("resourceVersion", "6");
  Value bare = seen;
  object::remove_finalizer(bare, key_of(kSyncerFinalizer, "a"));
  ask_removal(held, "a");
  object::set_annotation(held, key_of(kSoftFinalizers, "a"), "holder");

  EXPECT_EQ(refusal(stored, old, "a", Part::Main), Reason::Conflict);
  EXPECT_EQ(refusal(stored, seen, "b", Part::Main), Reason::NotFound);
  EXPECT_EQ(refusal(stored, bare, "a", Part::Main), Reason::BadRequest);
  EXPECT_EQ(refusal(held, bare, "a", Part::Main), Reason::BadRequest);
  EXPECT_EQ(refusal(deployment({"a"}), seen, "a", Part::Status), Reason::BadRequest);
}

TEST(View, AnObjectMaySayWhichFieldsAreSummarized) {
  Value stored = owned(deployment({"a"}), "a");
  object::set_annotation(stored, "experimental.summarizing.workload.kcp.io",
                         R"([{"fieldPath":"status","PromoteToUpstream":false},)"
                         R"({"fieldPath":"spec.clusterIP"},{"fieldPath":"metadata.labels"}])");
  Value seen = view(stored, "a");
  seen.edit("spec").set("clusterIP", "10.0.0.1");

  stored = value_or_throw(apply_view(stored, seen, "a", Part::Main));
  stored = reported(stored, "a", R"({"replicas":4})");

  EXPECT_FALSE(stored.contains("status"));
  EXPECT_FALSE(stored["spec"].contains("clusterIP"));
  EXPECT_EQ(view(stored, "a").at("spec", "clusterIP").as_string(), "10.0.0.1");
  EXPECT_EQ(view(stored, "a").at("status", "replicas").as_int(), 4);
}

TEST(Summary, SumsReplicasAndTakesTheBestConditions) {
  std::vector<Value> statuses = {
      parse(R"({"observedGeneration":3,"replicas":2,"readyReplicas":1,"conditions":[
        {"type":"Progressing","status":"True"},{"type":"Available","status":"False"}]})"),
      parse(R"({"observedGeneration":2,"replicas":1,"conditions":[
        {"type":"Available","status":"True"}]})")};

  Value sum = summarize_status(deployment({}), statuses);

  EXPECT_EQ(sum, parse(R"({"observedGeneration":2,"replicas":3,"readyReplicas":1,"conditions":[
        {"type":"Available","status":"True"},{"type":"Progressing","status":"True"}]})"));
}

TEST(Summary, UnitesAddresses) {
  std::vector<Value> statuses = {
      parse(R"({"loadBalancer":{"ingress":[{"ip":"127.0.0.2"},{"ip":"127.0.0.1"}]}})"),
      parse(R"({"loadBalancer":{"ingress":[{"ip":"127.0.0.1"}]}})")};

  Value sum = summarize_status(object::make("networking.k8s.io/v1", "Ingress", "web"), statuses);

  EXPECT_EQ(sum, parse(R"({"loadBalancer":{"ingress":[{"ip":"127.0.0.1"},{"ip":"127.0.0.2"}]}})"));
}

TEST(Summary, OtherKindsShowTheFirst) {
  EXPECT_EQ(summarize_status(object::make("v1", "Thing", "x"), {parse(R"({"a":1})"), Value(2)}),
            parse(R"({"a":1})"));
  EXPECT_TRUE(summarize_status(Value(), {}).is_null());
}

}  // namespace
}  // namespace placement
