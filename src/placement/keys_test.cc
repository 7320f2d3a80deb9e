#include "placement/keys.h"

#include <gtest/gtest.h>

#include "object/object.h"
#include "placement/intents.h"

namespace placement {
namespace {

Locator test_locator(const char* ns) {
  return {"root:org:ws", "us-west1", "syncTargetUID", "root:org:ws", ns};
}

TEST(Keys, HashesAreThoseOfTheReference) {
  EXPECT_EQ(target_key("root:org:ws", "us-west1"), "6ohB8yeXhwqTQVuBzJRgqcRJTpRjX7yTZu5g5g");
  EXPECT_EQ(test_locator("test").downstream_namespace(), "kcp-33jbiactwhg0");
  EXPECT_EQ(test_locator("default").downstream_namespace(), "kcp-1mrch692v2sx");
  EXPECT_EQ(test_locator("test").tenant_id(), "9Fn3Q4y5UDPmCOrYCujwdgCbD9SwOcKdcefYE7");
  EXPECT_EQ(syncer_id("us-west1", "syncTargetUID"), "kcp-syncer-us-west1-1nuzj7pw");
  EXPECT_EQ(placement_name("", "", "root:tmc-ws"), "placement-dk8krggx");
  EXPECT_EQ(placement_name("", "", "root:my-locations"), "placement-2gpejftu");
}

TEST(Keys, LocatorsAreReadBack) {
  EXPECT_EQ(parse_locator(test_locator("a").text()), test_locator("a"));
  EXPECT_EQ(parse_locator(R"({"syncTarget":{"path":"root:x","name":"n","uid":"u"},)"
                          R"("cluster":"c","namespace":"d"})")
                .target_cluster,
            "root:x");
  EXPECT_EQ(parse_locator("nonsense"), Locator{});
}

json::Value deployment() {
  json::Value object = object::make("apps/v1", "Deployment", "a", "default");
  object.edit("spec").set("replicas", 2).set("template", json::Value::object());
  object.edit("status").set("availableReplicas", 2);
  object::set_label(object, "state.workload.kcp.io/k1", "Sync");
  object::set_label(object, "state.workload.kcp.io/k2", "Sync");
  object::set_annotation(object, "deletion.internal.workload.kcp.io/k1", "2026-01-01T00:00:00Z");
  object::set_annotation(object, "deletion.internal.workload.kcp.io/k3", "2026-01-01T00:00:00Z");
  object::set_annotation(object, "diff.syncer.internal.kcp.io/k1", R"({"status":"##promoted##"})");
  object::set_annotation(object, "diff.syncer.internal.kcp.io/k2",
                         R"({"status":{"availableReplicas":1}})");
  object::add_finalizer(object, "workload.kcp.io/syncer-k1");
  object::add_finalizer(object, "workload.kcp.io/syncer-k2");
  return object;
}

TEST(Intents, AnIntentNeedsItsLabel) {
  auto intents = intents_of(deployment());

  ASSERT_EQ(intents.size(), 2u);
  EXPECT_TRUE(intents["k1"].leaving());
  EXPECT_FALSE(intents["k2"].leaving());
  EXPECT_TRUE(intents["k2"].owned);
}

TEST(Intents, ServingMeansAllReplicasAvailableThere) {
  json::Value object = deployment();

  EXPECT_TRUE(is_serving_at(object, "k1", ""));
  EXPECT_FALSE(is_serving_at(object, "k2", ""));
  EXPECT_FALSE(is_serving_at(object, "k3", ""));
}

TEST(Intents, ForgettingLeavesNothingOfTheKey) {
  json::Value object = deployment();

  forget(object, "k1");

  EXPECT_EQ(intents_of(object).size(), 1u);
  EXPECT_FALSE(object::has_annotation(object, "deletion.internal.workload.kcp.io/k1"));
  EXPECT_FALSE(object::has_finalizer(object, "workload.kcp.io/syncer-k1"));
}

}  // namespace
}  // namespace placement
