#include "schema/schema.h"

#include <gtest/gtest.h>

#include "json/text.h"

namespace {

using json::Value;

schema::SchemaPtr compiled(std::string_view yaml) {
  auto result = schema::compile(*json::parse_yaml(yaml), "schema");
  EXPECT_TRUE(result);
  return result.value_or(nullptr);
}

constexpr std::string_view kWidget = R"(
type: object
required: [spec]
properties:
  spec:
    type: object
    required: [size]
    properties:
      size: {type: integer, minimum: 1, maximum: 10}
      color: {type: string, default: blue, enum: [blue, red]}
      name: {type: string, minLength: 2, maxLength: 4, pattern: '^[a-z]+$'}
      port: {x-kubernetes-int-or-string: true}
      free: {type: object, x-kubernetes-preserve-unknown-fields: true}
      tags: {type: array, x-kubernetes-list-type: set, maxItems: 3, items: {type: string}}
      parts:
        type: array
        x-kubernetes-list-type: map
        x-kubernetes-list-map-keys: [name]
        items: {type: object, properties: {name: {type: string}, count: {type: integer, default: 1, maximum: 5}}}
      when: {type: string, format: date-time}
      maybe: {type: string, nullable: true}
      labels: {type: object, additionalProperties: {type: string}}
)";

std::string errors(std::string_view object, std::string_view before = "null") {
  std::string text;
  for (const Cause& cause :
       compiled(kWidget)->validate(*json::parse(object), *json::parse(before))) {
    text += (text.empty() ? "" : "; ") + cause.field + ": " + cause.message;
  }
  return text;
}

TEST(Schema, PrunesWhatItDoesNotNameAndTellsWhere) {
  Value object = *json::parse(
      R"({"apiVersion":"v1","kind":"W","metadata":{"x":1},"spec":{"size":1,"extra":2,"free":{"y":1},)"
      R"("labels":{"a":"b"},"parts":[{"name":"a","z":1}]},"junk":1})");
  auto removed = compiled(kWidget)->prune(object);
  EXPECT_EQ(removed, (std::vector<std::string>{"spec.extra", "spec.parts[0].z", "junk"}));
  EXPECT_EQ(json::print(object),
            R"({"apiVersion":"v1","kind":"W","metadata":{"x":1},"spec":{"size":1,"free":{"y":1},)"
            R"("labels":{"a":"b"},"parts":[{"name":"a"}]}})");
}

TEST(Schema, DefaultsFillMissingMembersAndReplaceNulls) {
  Value object = *json::parse(R"({"spec":{"color":null,"maybe":null,"parts":[{"name":"a"}]}})");
  compiled(kWidget)->apply_defaults(object);
  EXPECT_EQ(object.at("spec", "color").as_string(), "blue");
  EXPECT_TRUE(object.at("spec", "maybe").is_null() && object["spec"].contains("maybe"));
  EXPECT_EQ(object.at("spec", "parts")[0]["count"].as_int(), 1);
  Value map = *json::parse(R"({"spec":{"labels":{"a":null,"b":"x"}}})");
  compiled(kWidget)->apply_defaults(map);
  EXPECT_EQ(json::print(map["spec"]["labels"]), R"({"b":"x"})");
  Value absent = Value::object();
  compiled(kWidget)->apply_defaults(absent);
  EXPECT_TRUE(absent.empty());
}

TEST(Schema, ViolationsHaveKubernetesTexts) {
  EXPECT_EQ(errors(R"({"spec":{"size":11}})"),
            "spec.size: Invalid value: 11: spec.size in body should be less than or equal to 10");
  EXPECT_EQ(errors("{}"), "spec: Required value");
  EXPECT_EQ(errors(R"({"spec":{"size":"x"}})"),
            "spec.size: Invalid value: \"string\": spec.size in body must be of type integer: "
            "\"string\"");
  EXPECT_EQ(errors(R"({"spec":{"size":1,"color":"green"}})"),
            "spec.color: Unsupported value: \"green\": supported values: \"blue\", \"red\"");
  EXPECT_EQ(errors(R"({"spec":{"size":1,"name":"A"}})"),
            "spec.name: Invalid value: \"A\": spec.name in body should be at least 2 chars long; "
            "spec.name: Invalid value: \"A\": spec.name in body should match '^[a-z]+$'");
  EXPECT_EQ(errors(R"({"spec":{"size":1,"name":"abcde"}})"),
            "spec.name: Too long: may not be more than 4 bytes");
  EXPECT_EQ(errors(R"({"spec":{"size":1,"tags":["a","a"]}})"),
            "spec.tags[1]: Duplicate value: \"a\"");
  EXPECT_EQ(errors(R"({"spec":{"size":1,"tags":["a","b","c","d"]}})"),
            "spec.tags: Too many: 4: must have at most 3 items");
  EXPECT_EQ(errors(R"({"spec":{"size":1,"parts":[{"name":"a"},{"name":"a"}]}})"),
            "spec.parts[1]: Duplicate value: {\"name\":\"a\"}");
  EXPECT_NE(errors(R"({"spec":{"size":1,"when":"yesterday"}})").find("must be of type date-time"),
            std::string::npos);
  EXPECT_EQ(errors(R"({"spec":{"size":1.0,"port":"http","maybe":null}})"), "");
}

TEST(Schema, UnchangedValuesAreNotJudgedAgain) {
  EXPECT_EQ(errors(R"({"spec":{"size":50,"name":"ab"}})", R"({"spec":{"size":50}})"), "");
  EXPECT_NE(errors(R"({"spec":{"size":51}})", R"({"spec":{"size":50}})"), "");
  EXPECT_EQ(errors(R"({"spec":{"size":1,"parts":[{"name":"b"},{"name":"a","count":9}]}})",
                   R"({"spec":{"size":1,"parts":[{"name":"a","count":9}]}})"),
            "");
}

TEST(Schema, TheSameSourceIsCompiledOnce) { EXPECT_EQ(compiled(kWidget), compiled(kWidget)); }

TEST(Schema, WhatIsNotStructuralIsRefused) {
  for (auto text : {"{}", "{type: string}", "{type: object, properties: {a: {}}}",
                    "{type: object, properties: {a: {type: array}}}",
                    "{type: object, additionalProperties: {type: string}}",
                    "{type: object, properties: {metadata: {type: object, properties: {labels: "
                    "{type: object}}}}}",
                    "{type: object, properties: {a: {type: string, pattern: '('}}}",
                    "{type: object, anyOf: [{properties: {a: {type: string, default: x}}}]}"}) {
    EXPECT_FALSE(schema::compile(*json::parse_yaml(text), "schema")) << text;
  }
}

schema::SchemaPtr stored(std::string_view yaml) {
  return schema::stored_schema(Bytes(json::print(*json::parse_yaml(yaml))));
}

TEST(Schema, WhatIsStoredIsCompiledWhenItIsFirstUsedAndOnlyThen) {
  auto before = schema::usage();
  auto first = stored("{type: object, description: lazy, properties: {a: {type: string}}}");
  auto second = stored("{type: object, description: lazy, properties: {a: {type: string}}}");
  EXPECT_EQ(first, second);
  EXPECT_EQ(first->openapi_v3()["description"].as_string(), "lazy");
  EXPECT_EQ(schema::usage().schemas, before.schemas + 1);
  EXPECT_EQ(schema::usage().compilations, before.compilations);

  Value object = *json::parse(R"({"a":"x","b":1})");
  EXPECT_EQ(first->prune(object), std::vector<std::string>{"b"});
  second->apply_defaults(object);
  EXPECT_TRUE(second->validate(object, {}).empty());
  EXPECT_EQ(schema::usage().compilations, before.compilations + 1);
  EXPECT_EQ(schema::usage().compiled, before.compiled + 1);

  first.reset();
  second.reset();
  EXPECT_EQ(schema::usage().schemas, before.schemas);
  EXPECT_EQ(schema::usage().compiled, before.compiled);
}

TEST(Schema, TheNewestTextIsKeptSoThatAnOlderOneIsLetGo) {
  auto owner = std::make_shared<const std::string>(R"({"type":"object","title":"moves"})");
  auto first = schema::stored_schema(Bytes(owner, *owner));
  auto second = schema::stored_schema(Bytes(std::string(*owner)));
  EXPECT_EQ(first, second);
  EXPECT_EQ(owner.use_count(), 1);
  EXPECT_EQ(first->openapi_v3()["title"].as_string(), "moves");
}

TEST(Schema, WhatIsStoredButNotStructuralAcceptsEverythingAndIsStillRefusedWhenItIsWritten) {
  constexpr std::string_view kBad = "{type: object, properties: {a: {description: no type}}}";
  auto bad = stored(kBad);
  Value object = *json::parse(R"({"a":1,"b":2})");
  EXPECT_TRUE(bad->prune(object).empty());
  EXPECT_TRUE(bad->validate(object, {}).empty());
  EXPECT_FALSE(schema::check(*json::parse_yaml(kBad), "s").empty());
  EXPECT_FALSE(schema::compile(*json::parse_yaml(kBad), "s"));
}

TEST(Schema, JudgingEndsWhenItIsTooMuchWork) {
  Value choices = Value::array(), bounds = Value::array();
  for (int i = 0; i < 2000; ++i) {
    choices.push_back(100 + i);
    bounds.push_back(Value::object({{"minimum", 100 + i}}));
  }
  Value spec = Value::array(std::vector<Value>(20'000, Value(1)));
  Value object = Value::object({{"spec", spec}});
  for (const Value& item :
       {Value::object({{"type", "integer"}, {"enum", choices}}),
        Value::object({{"type", "integer"}, {"not", Value::object({{"anyOf", bounds}})}})}) {
    Value list = Value::object({{"type", "array"}, {"items", item}});
    Value source = Value::object(
        {{"type", "object"}, {"properties", Value::object({{"spec", std::move(list)}})}});
    auto causes = (*schema::compile(source, "schema"))->validate(object, {});
    ASSERT_FALSE(causes.empty());
    if (item.contains("not")) {
      EXPECT_TRUE(causes.front().message.contains("too much work"));
    }
    for (const auto& cause : causes) EXPECT_LT(cause.message.size(), 5000U);
  }
}

TEST(Schema, PatternsAreBoundedInWorkAndInSize) {
  auto slow =
      compiled("{type: object, properties: {a: {type: string, pattern: '(a?){900}a{900}'}}}");
  Value object = Value::object({{"a", std::string(1'000'000, 'a')}});
  auto causes = slow->validate(object, {});
  ASSERT_EQ(causes.size(), 1U);
  EXPECT_TRUE(causes.front().message.contains("too much work"));

  Value properties = Value::object();
  for (int i = 0; i < 100; ++i) {
    std::string pattern = "((a{0,20}){0,20}b" + std::to_string(i) + ")";
    properties.set("p" + std::to_string(i),
                   Value::object({{"type", "string"}, {"pattern", pattern}}));
  }
  auto many = schema::compile(Value::object({{"type", "object"}, {"properties", properties}}), "s");
  ASSERT_FALSE(many);
  EXPECT_TRUE(many.error().front().message.contains("too complex"));
}

TEST(Schema, MergeRulesAreFoundThroughLists) {
  auto pod = compiled(
      "{type: object, properties: {spec: {type: object, properties: {containers: {type: array, "
      "x-kubernetes-patch-strategy: merge, x-kubernetes-patch-merge-key: name, items: {type: "
      "object, "
      "properties: {ports: {type: array, x-kubernetes-patch-strategy: merge, "
      "x-kubernetes-patch-merge-key: containerPort, items: {type: object}}}}}}}}}");
  EXPECT_EQ(pod->merge_rule({"spec", "containers"}).key, "name");
  EXPECT_EQ(pod->merge_rule({"spec", "containers", "ports"}).key, "containerPort");
  EXPECT_EQ(pod->merge_rule({"spec", "nothing"}).strategy, "");
}

}  // namespace
