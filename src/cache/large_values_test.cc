#include "cache/large_values.h"

#include <gtest/gtest.h>

#include <string>

namespace cache {
namespace {

const std::string kBig = '"' + std::string(1100, 'x') + '"';

// The values found, each as its first ten characters and what lies within it.
std::string found(const std::string& json) {
  auto header = object::read_header(json);
  if (!header) return "no object";
  std::string text;
  for (const LargeValue& one : large_values(json, *header)) {
    std::string_view value = one.place.in(json.data());
    EXPECT_GE(value.size(), 1024u);
    EXPECT_TRUE(value.back() == '"' || value.back() == '}' || value.back() == ']');
    text += std::string(value.substr(0, 6)) + ":" + std::to_string(one.inner) + " ";
  }
  return text;
}

std::string object(const std::string& metadata, const std::string& rest) {
  return R"({"apiVersion":"v1","kind":"X","metadata":{"name":"a")" + metadata + "}" + rest + "}";
}

TEST(LargeValues, AreMembersOfTheObjectAndOfThese) {
  EXPECT_EQ(found(object("", R"(,"data":{"a":"small","b":)" + kBig + "}")),
            "{\"a\":\":1 \"xxxxx:0 ");
  EXPECT_EQ(found(object("", R"(,"data":{"b":)" + kBig + R"(,"c":)" + kBig + R"(},"e":)" + kBig)),
            "{\"b\":\":2 \"xxxxx:0 \"xxxxx:0 \"xxxxx:0 ");
  EXPECT_EQ(found(object("", R"(,"list":[1,)" + kBig + R"(],"status":{"a":1})")), "[1,\"xx:0 ");
  EXPECT_EQ(found(object("", R"(,"a":{"b":{"c":)" + kBig + "}}")), "{\"b\":{:1 {\"c\":\":0 ");
}

TEST(LargeValues, AreAnnotationsButNothingElseOfMetadata) {
  EXPECT_EQ(found(object(R"(,"annotations":{"a":"1","b":)" + kBig + "}", "")), "\"xxxxx:0 ");
  EXPECT_EQ(found(object(R"(,"labels":{"b":)" + kBig + "}", "")), "");
  EXPECT_EQ(found(object(R"(,"uid":)" + kBig, R"(,"spec":{})")), "");
}

TEST(LargeValues, OfSmallObjectsThereAreNone) {
  EXPECT_EQ(found(object("", R"(,"data":{"a":"b"})")), "");
  EXPECT_EQ(found(object("", R"(,"data":{"a":")" + std::string(900, 'x') + "\"}")), "");
}

TEST(LargeValues, OfBrokenTextThereAreNone) {
  EXPECT_EQ(found(object("", R"(,"a":)" + kBig + R"(,"b":{)")), "");
  EXPECT_EQ(found(object("", R"(,"a":)" + kBig + R"(,"b)")), "");
  EXPECT_EQ(found(object("", R"(,"a":)" + kBig + "]")), "");
}

}  // namespace
}  // namespace cache
