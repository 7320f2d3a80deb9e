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

// Protobuf's form of a field that holds a text or a message.
std::string field(int number, const std::string& bytes) {
  std::string text;
  for (int value : {number << 3 | 2, static_cast<int>(bytes.size())}) {
    for (; value >= 0x80; value >>= 7) text += static_cast<char>((value & 0x7f) | 0x80);
    text += static_cast<char>(value);
  }
  return text + bytes;
}
std::string flag(int number, bool value) {
  std::string text;
  for (int head = number << 3; head > 0; head >>= 7) {
    text += static_cast<char>((head & 0x7f) | (head >= 0x80 ? 0x80 : 0));
  }
  return text + static_cast<char>(value);
}

// In JSON a schema's "items" is a schema; in protobuf it is a message that has one.
TEST(Protobuf, ASchemaIsRead) {
  std::string text = field(5, "string") + flag(18, false);
  std::string list = field(5, "array") + field(24, field(1, text));
  std::string map = field(5, "object") + field(30, flag(1, true) + field(2, text));
  std::string anything = field(5, "object") + field(30, flag(1, true));
  std::string schema = field(5, "object") + field(29, field(1, "l") + field(2, list)) +
                       field(29, field(1, "m") + field(2, map)) +
                       field(29, field(1, "a") + field(2, anything)) +
                       field(32, field(1, "d") + field(2, field(2, "x") + field(2, "y")));
  std::string version =
      field(1, "v1") + flag(2, true) + flag(3, false) + field(4, field(1, schema));
  std::string body =
      field(1, field(1, "apiextensions.k8s.io/v1") + field(2, "CustomResourceDefinition")) +
      field(2, field(2, field(7, version)));

  auto read = schema::decode_protobuf(std::string("k8s\0", 4) + body);

  ASSERT_TRUE(read) << read.error().message();
  const json::Value& found = read->at("spec", "versions")[0];
  EXPECT_EQ(json::print(found),
            R"({"name":"v1","served":true,"storage":false,"schema":{"openAPIV3Schema":)"
            R"({"type":"object","properties":{"l":{"type":"array","items":{"type":"string"}},)"
            R"("m":{"type":"object","additionalProperties":{"type":"string"}},)"
            R"("a":{"type":"object","additionalProperties":true}},)"
            R"("dependencies":{"d":["x","y"]}}}})");
}

}  // namespace
