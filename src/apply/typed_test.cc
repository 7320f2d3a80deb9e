#include "apply/typed.h"

#include <gtest/gtest.h>

#include "apply/testing.h"

namespace {

using apply::FieldSet;
using apply::machine;

class Typed : public testing::Test {
 protected:
  std::string fields(std::string_view spec) const {
    return spec_of(apply::fields_of(machine(spec), *root_));
  }
  std::string merged(std::string_view live, std::string_view config) const {
    return json::print(apply::merge(machine(live), machine(config), *root_)["spec"]);
  }
  std::string removed(std::string_view spec, std::string_view set) const {
    std::string whole = R"({"f:spec":)" + std::string(set) + "}";
    FieldSet fields = apply::parse_fields(*json::parse(whole)).value();
    return json::print(apply::remove_fields(machine(spec), fields, *root_)["spec"]);
  }
  // "added removed modified"
  std::string compared(std::string_view before, std::string_view after) const {
    auto found = apply::compare(machine(before), machine(after), *root_);
    return spec_of(found.added) + " " + spec_of(found.removed) + " " + spec_of(found.modified);
  }
  std::string problem(std::string_view spec) const {
    return apply::check_config(machine(spec), *root_);
  }

  static std::string spec_of(const FieldSet& set) {
    const auto* entry = set.find(apply::Step::field("spec"));
    return entry ? json::print(apply::print_fields(entry->below)) : "-";
  }

  schema::SchemaPtr schema_ = apply::machine_schema();
  std::shared_ptr<const schema::Node> root_ = schema_->root();
};

TEST_F(Typed, FieldsAreLeavesAndWhatTheSchemaDoesNotName) {
  EXPECT_EQ(fields(R"({"size":1,"nested":{"a":"x"}})"), R"({"f:nested":{"f:a":{}},"f:size":{}})");
  EXPECT_EQ(fields(R"({"nested":{},"name":null})"), R"({"f:name":{},"f:nested":{}})");
  EXPECT_EQ(fields(R"({"labels":{"a":"x"}})"), R"({"f:labels":{"f:a":{}}})");
  EXPECT_EQ(fields(R"({"whole":{"x":"1"},"steps":["a","b"]})"), R"({"f:steps":{},"f:whole":{}})");
  EXPECT_EQ(fields(R"({"free":{"a":{"b":[1]}}})"), R"({"f:free":{"f:a":{".":{},"f:b":{}}}})");
}

TEST_F(Typed, FieldsOfListsGoByElement) {
  EXPECT_EQ(fields(R"({"tags":["b","a"]})"), R"({"f:tags":{"v:\"a\"":{},"v:\"b\"":{}}})");
  EXPECT_EQ(fields(R"({"parts":[{"name":"w","weight":1}]})"),
            R"({"f:parts":{"k:{\"name\":\"w\"}":{".":{},"f:name":{},"f:weight":{}}}})");
  EXPECT_EQ(fields(R"({"ports":[{"port":80}]})"),
            R"({"f:ports":{"k:{\"port\":80,\"protocol\":\"TCP\"}":{".":{},"f:port":{}}}})");
  EXPECT_EQ(fields(R"({"parts":[],"size":1})"), R"({"f:size":{}})");
  EXPECT_EQ(fields(R"({"tags":["a","a"]})"), R"({"f:tags":{"v:\"a\"":{}}})");
}

TEST_F(Typed, ComparesByField) {
  EXPECT_EQ(compared(R"({"size":1})", R"({"size":1.0})"), "- - -");
  EXPECT_EQ(compared(R"({"size":1,"name":"a"})", R"({"size":2,"port":80})"),
            R"({"f:port":{}} {"f:name":{}} {"f:size":{}})");
  EXPECT_EQ(
      compared(R"({"whole":{"x":"1"},"steps":["a"]})", R"({"whole":{"x":"2"},"steps":["b"]})"),
      R"(- - {"f:steps":{},"f:whole":{}})");
  EXPECT_EQ(compared(R"({"size":1})", R"({"size":1,"nested":{"a":"x"}})"),
            R"({"f:nested":{".":{},"f:a":{}}} - -)");
  EXPECT_EQ(compared(R"({"nested":{}})", R"({"nested":{"a":"x"}})"),
            R"({"f:nested":{"f:a":{}}} - -)");
  EXPECT_EQ(compared(R"({"nested":{}})", R"({"nested":null})"), R"(- - {"f:nested":{}})");
}

TEST_F(Typed, ComparesListsByElementWhateverTheirOrder) {
  EXPECT_EQ(compared(R"({"tags":["a","b"]})", R"({"tags":["b","a"]})"), "- - -");
  EXPECT_EQ(compared(R"({"tags":["a","b"]})", R"({"tags":["c","a"]})"),
            R"({"f:tags":{"v:\"c\"":{}}} {"f:tags":{"v:\"b\"":{}}} -)");
  EXPECT_EQ(compared(R"({"parts":[{"name":"a","weight":1}]})",
                     R"({"parts":[{"name":"b"},{"name":"a","weight":2}]})"),
            R"({"f:parts":{"k:{\"name\":\"b\"}":{".":{},"f:name":{}}}} - )"
            R"({"f:parts":{"k:{\"name\":\"a\"}":{"f:weight":{}}}})");
  EXPECT_EQ(compared(R"({"parts":[{"name":"a"},{"name":"a","weight":1}]})",
                     R"({"parts":[{"name":"a"},{"name":"a","weight":2}]})"),
            R"(- - {"f:parts":{"k:{\"name\":\"a\"}":{}}})");
}

TEST_F(Typed, AValueOfAnotherKindIsSeenFromBothSides) {
  EXPECT_EQ(compared(R"({"free":{"a":[1]}})", R"({"free":{"a":{"b":1}}})"),
            R"({"f:free":{"f:a":{"f:b":{}}}} - {"f:free":{"f:a":{}}})");
}

TEST_F(Typed, MergesMapsAndReplacesLeaves) {
  EXPECT_EQ(merged(R"({"size":1,"name":"a"})", R"({"size":2})"), R"({"size":2,"name":"a"})");
  EXPECT_EQ(merged(R"({"whole":{"x":"1"},"steps":["a"]})", R"({"whole":{"y":"2"},"steps":["b"]})"),
            R"({"whole":{"y":"2"},"steps":["b"]})");
  EXPECT_EQ(merged(R"({"labels":{"a":"1"}})", R"({"labels":{"b":"2"}})"),
            R"({"labels":{"a":"1","b":"2"}})");
  EXPECT_EQ(merged(R"({"labels":{"a":"1"},"tags":["x"]})", R"({"labels":null,"tags":[]})"),
            R"({"labels":{"a":"1"},"tags":["x"]})");
  EXPECT_EQ(merged(R"({"size":1,"labels":{}})", R"({"size":null,"labels":null})"),
            R"({"size":null,"labels":null})");
}

TEST_F(Typed, MergesListsInTheOrderOfTheConfig) {
  EXPECT_EQ(merged(R"({"tags":["a","b","c"]})", R"({"tags":["c","d","a"]})"),
            R"({"tags":["b","c","d","a"]})");
  EXPECT_EQ(merged(R"({"tags":["x","a"]})", R"({"tags":["b","a"]})"), R"({"tags":["x","b","a"]})");
  EXPECT_EQ(merged(R"({"parts":[{"name":"a","weight":1},{"name":"b"}]})",
                   R"({"parts":[{"name":"b","weight":2},{"name":"a","color":"red"}]})"),
            R"({"parts":[{"name":"b","weight":2},{"name":"a","weight":1,"color":"red"}]})");
  EXPECT_EQ(merged(R"({"ports":[{"port":53,"protocol":"UDP"}]})", R"({"ports":[{"port":53}]})"),
            R"({"ports":[{"port":53,"protocol":"UDP"},{"port":53}]})");
}

TEST_F(Typed, RemovesFieldsAndLeavesNullWhereNothingIsLeft) {
  EXPECT_EQ(removed(R"({"size":1,"name":"a"})", R"({"f:size":{}})"), R"({"name":"a"})");
  EXPECT_EQ(removed(R"({"size":1,"nested":{"a":"x"}})", R"({"f:nested":{"f:a":{}}})"),
            R"({"size":1,"nested":null})");
  EXPECT_EQ(removed(R"({"tags":["a","b"],"parts":[{"name":"a","weight":1},{"name":"b"}]})",
                    R"({"f:tags":{"v:\"a\"":{}},"f:parts":{"k:{\"name\":\"a\"}":{"f:weight":{}},)"
                    R"("k:{\"name\":\"b\"}":{}}})"),
            R"({"tags":["b"],"parts":[{"name":"a"}]})");
}

TEST_F(Typed, NamedParentsAreThoseOfTheSchema) {
  auto set = apply::parse_fields(*json::parse(R"({"f:spec":{"f:nested":{"f:a":{}},)"
                                              R"("f:parts":{"k:{\"name\":\"a\"}":{"f:weight":{}}},)"
                                              R"("f:free":{"f:x":{"f:y":{}}}}})"));
  EXPECT_EQ(json::print(apply::print_fields(apply::with_named_parents(*set, *root_))),
            R"({"f:spec":{".":{},"f:free":{".":{},"f:x":{"f:y":{}}},"f:nested":{".":{},"f:a":{}},)"
            R"("f:parts":{".":{},"k:{\"name\":\"a\"}":{"f:weight":{}}}}})");
}

TEST_F(Typed, WhatBecameAtomicIsOwnedAsAWhole) {
  auto set = apply::parse_fields(*json::parse(
      R"({"f:spec":{"f:whole":{"f:x":{}},"f:steps":{"v:\"a\"":{}},"f:tags":{"v:\"a\"":{}}}})"));
  EXPECT_EQ(spec_of(apply::fit_to_schema(*set, *root_)),
            R"({"f:steps":{},"f:tags":{"v:\"a\"":{}},"f:whole":{}})");
}

TEST_F(Typed, ConfigsThatTheSchemaDoesNotKnowAreRefused) {
  EXPECT_EQ(problem(R"({"size":1,"port":"http","parts":[{"name":"a"}],"free":{"x":[{}]}})"), "");
  EXPECT_EQ(problem(R"({"sizes":1})"), ".spec.sizes: field not declared in schema");
  EXPECT_EQ(problem(R"({"size":"1"})"), ".spec.size: expected numeric (int or float), got string");
  EXPECT_EQ(problem(R"({"ports":[{"port":80},{"port":80,"protocol":"TCP"}]})"),
            R"(.spec.ports: duplicate entries for key [port=80,protocol="TCP"])");
  EXPECT_EQ(problem(R"({"tags":["a","a"]})"), R"(.spec.tags: duplicate entries for key [="a"])");
  EXPECT_EQ(problem(R"({"parts":[{"weight":1}]})"),
            ".spec.parts: element 0: associative list with keys has an element that omits all key "
            "fields [\"name\"] (and doesn't have default values for any key fields)");
  EXPECT_EQ(problem(R"({"nested":[],"tags":{}})"),
            "errors:\n  .spec.nested: expected map, got []\n  .spec.tags: expected list, got {}");
}

TEST_F(Typed, MetadataIsKnownForEveryKind) {
  auto config = machine("{}");
  config.edit("metadata").set("finalizers", json::Value::array({"a"}));
  config.edit("metadata", "labels").set("x", "y");
  EXPECT_EQ(apply::check_config(config, *root_), "");
  EXPECT_EQ(json::print(apply::print_fields(apply::fields_of(config, *root_))),
            R"({"f:apiVersion":{},"f:kind":{},"f:metadata":{"f:finalizers":{"v:\"a\"":{}},)"
            R"("f:labels":{"f:x":{}},"f:name":{}},"f:spec":{}})");
  config.edit("metadata").set("color", "red");
  EXPECT_EQ(apply::check_config(config, *root_), ".metadata.color: field not declared in schema");
}

}  // namespace
