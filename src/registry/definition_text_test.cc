#include "registry/definition_text.h"

#include <gtest/gtest.h>

namespace registry {
namespace {

TEST(DefinitionText, SchemasAreCutOutOfTheSpec) {
  auto parts = split_definition(
      R"({"kind":"K","metadata":{"name":"a}\"b"},"spec":{"group":"g","versions":[)"
      R"({"name":"v1","schema":{"openAPIV3Schema":{"type":"object","pattern":"}]\\"}},"served":true},)"
      R"({"schema":{"openAPIV3Schema":{}},"name":"v2"}],"scope":"Cluster"},"status":{"x":[1]}})",
      SchemaPlace::OpenApiV3);
  ASSERT_TRUE(parts);
  EXPECT_EQ(
      parts->spec,
      R"({"group":"g","versions":[{"name":"v1","schema":{"openAPIV3Schema":0},"served":true},)"
      R"({"schema":{"openAPIV3Schema":1},"name":"v2"}],"scope":"Cluster"})");
  EXPECT_EQ(parts->status, R"({"x":[1]})");
  ASSERT_EQ(parts->schemas.size(), 2U);
  EXPECT_EQ(parts->schemas[0], R"({"type":"object","pattern":"}]\\"})");
  EXPECT_EQ(parts->schemas[1], "{}");
}

TEST(DefinitionText, ABareSchemaIsCutOutAsItIs) {
  auto parts = split_definition(
      R"({"spec": {"versions" : [ {"schema" : {"type":"object"} , "name":"v1"} ] } })",
      SchemaPlace::Bare);
  ASSERT_TRUE(parts);
  EXPECT_EQ(parts->spec, R"( {"versions" : [ {"schema" : 0 , "name":"v1"} ] })");
  EXPECT_EQ(parts->schemas.at(0), R"({"type":"object"})");
  EXPECT_EQ(parts->status, "");
}

TEST(DefinitionText, WhatHasAnotherShapeIsLeftAsItIs) {
  auto parts = split_definition(R"({"spec":{"versions":7,"a":[{"schema":1}]}})", SchemaPlace::Bare);
  ASSERT_TRUE(parts);
  EXPECT_EQ(parts->spec, R"({"versions":7,"a":[{"schema":1}]})");
  EXPECT_TRUE(parts->schemas.empty());
}

TEST(DefinitionText, BrokenTextIsRefusedWhereverItEnds) {
  constexpr std::string_view kWhole =
      R"({"spec":{"versions":[{"schema":{"openAPIV3Schema":{"a":"b\\"}}}]},"status":{}})";
  ASSERT_TRUE(split_definition(kWhole, SchemaPlace::OpenApiV3));
  for (std::size_t size = 0; size < kWhole.size(); ++size) {
    EXPECT_FALSE(split_definition(kWhole.substr(0, size), SchemaPlace::OpenApiV3)) << size;
  }
  EXPECT_FALSE(split_definition(R"({"status":{}})", SchemaPlace::Bare));
}

}  // namespace
}  // namespace registry
