#include "schema/builtin.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "json/text.h"
#include "schema/protobuf.h"

namespace {

TEST(Builtin, EveryFileLoadsAndKindsAreUnique) {
  std::set<std::string> seen;
  for (const auto& kind : schema::builtin_kinds()) {
    EXPECT_TRUE(kind.schema) << kind.kind;
    // A TokenRequest is met below a ServiceAccount only.
    EXPECT_EQ(kind.sets.empty(), kind.kind == "TokenRequest") << kind.kind;
    EXPECT_TRUE(seen.insert(kind.group + "/" + kind.plural).second) << kind.plural;
  }
  EXPECT_GE(seen.size(), 25u);
}

TEST(Builtin, ADeploymentIsDefaultedAndPrunedLikeOnACluster) {
  const auto* kind = schema::find_builtin("apps", "deployments");
  ASSERT_TRUE(kind);
  auto object = *json::parse(
      R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a"},"spec":{"selector":{},)"
      R"("template":{"spec":{"containers":[{"name":"c","image":"x","oops":1,"ports":[{"containerPort":80}]}]}}}})");
  EXPECT_EQ(kind->schema->prune(object),
            std::vector<std::string>{"spec.template.spec.containers[0].oops"});
  kind->schema->apply_defaults(object);
  EXPECT_EQ(object.at("spec", "replicas").as_int(), 1);
  EXPECT_EQ(object.at("spec", "strategy", "type").as_string(), "RollingUpdate");
  const auto& pod = object.at("spec", "template", "spec");
  EXPECT_EQ(pod["restartPolicy"].as_string(), "Always");
  EXPECT_EQ(pod["containers"][0]["ports"][0]["protocol"].as_string(), "TCP");
  EXPECT_TRUE(kind->schema->validate(object, {}).empty());
  EXPECT_EQ(kind->schema->merge_rule({"spec", "template", "spec", "containers"}).key, "name");
}

TEST(Builtin, EverySchemaIsStructural) {
  for (const auto& kind : schema::builtin_kinds()) {
    for (const Cause& cause : schema::check(kind.schema->openapi_v3(), kind.plural)) {
      ADD_FAILURE() << cause.field << ": " << cause.message;
    }
  }
}

TEST(Builtin, FieldFactsCarryProtobufNumbers) {
  const auto* fields = schema::find_type("apps_v1", "PodSpec");
  ASSERT_TRUE(fields);
  auto containers = std::find_if(fields->begin(), fields->end(),
                                 [](const auto& f) { return f.name == "containers"; });
  ASSERT_NE(containers, fields->end());
  EXPECT_EQ(containers->number, 2);
  EXPECT_EQ(containers->type, "list:Container");
}

// The scale of a Deployment is the one sub-resource that clients write in protobuf.
TEST(Protobuf, AScaleIsRead) {
  constexpr std::string_view kBody(
      "k8s\0\x0a\x17\x0a\x0e"
      "autoscaling/v1\x12\x05"
      "Scale\x12\x04\x12\x02\x08\x04",
      4 + 2 + 23 + 6);

  auto scale = schema::decode_protobuf(kBody);

  ASSERT_TRUE(scale);
  EXPECT_EQ((*scale)["kind"].as_string(), "Scale");
  EXPECT_EQ(scale->at("spec", "replicas").as_int(), 4);
}

}  // namespace
