#include "apply/field_set.h"

#include <gtest/gtest.h>

#include "json/text.h"

namespace {

using apply::FieldSet;
using apply::Step;

FieldSet set_of(std::string_view fields_v1) {
  return apply::parse_fields(*json::parse(fields_v1)).value();
}
std::string printed(const FieldSet& set) { return json::print(apply::print_fields(set)); }

TEST(FieldSet, ReadsAndWritesFieldsV1) {
  for (
      const char* text : {
          "{}",
          R"({"f:data":{"f:a":{},"f:b":{}}})",
          R"({"f:metadata":{"f:labels":{".":{},"f:x":{}}}})",
          R"({"f:spec":{"f:ports":{"k:{\"port\":80,\"protocol\":\"TCP\"}":{".":{},"f:port":{}}}}})",
          R"({"f:metadata":{"f:finalizers":{"v:\"a\"":{},"v:\"b\"":{}}}})",
          R"({"f:list":{"i:2":{}}})",
      }) {
    EXPECT_EQ(printed(set_of(text)), text);
  }
}

TEST(FieldSet, TheSamePlaceIsWrittenInOneWay) {
  EXPECT_EQ(printed(set_of(R"({"f:l":{"k:{\"b\":1.0,\"a\":\"x\"}":{}}})")),
            R"({"f:l":{"k:{\"a\":\"x\",\"b\":1}":{}}})");
  EXPECT_EQ(printed(set_of(R"({"f:b":{},"f:a":{},"v:1":{},"k:{\"n\":1}":{}})")),
            R"({"f:a":{},"f:b":{},"k:{\"n\":1}":{},"v:1":{}})");
  EXPECT_EQ(printed(set_of(R"({"f:l":{"v:1":{},"v:1.0":{}}})")), R"({"f:l":{"v:1":{}}})");
}

TEST(FieldSet, UnknownStepsAreLeftOutAndMalformedOnesRefused) {
  EXPECT_EQ(printed(set_of(R"({"x:new":{},"f:a":{},"odd":{},".":{}})")), R"({"f:a":{}})");
  EXPECT_FALSE(apply::parse_fields(*json::parse(R"({"k:[1]":{}})")));
  EXPECT_FALSE(apply::parse_fields(*json::parse(R"({"f:a":{"v:{":{}}})")));
  EXPECT_FALSE(apply::parse_fields(*json::parse(R"({"i:x":{}})")));
}

TEST(FieldSet, SetOperationsAreByMember) {
  FieldSet a = set_of(R"({"f:m":{".":{},"f:x":{},"f:y":{}},"f:n":{}})");
  FieldSet b = set_of(R"({"f:m":{"f:y":{},"f:z":{}},"f:n":{}})");
  EXPECT_EQ(printed(FieldSet::unite(a, b)),
            R"({"f:m":{".":{},"f:x":{},"f:y":{},"f:z":{}},"f:n":{}})");
  EXPECT_EQ(printed(FieldSet::intersect(a, b)), R"({"f:m":{"f:y":{}},"f:n":{}})");
  EXPECT_EQ(printed(FieldSet::subtract(a, b)), R"({"f:m":{".":{},"f:x":{}}})");
  EXPECT_EQ(printed(FieldSet::subtract(b, a)), R"({"f:m":{"f:z":{}}})");
}

TEST(FieldSet, SubtractingTreesTakesWhatIsBelowMembersToo) {
  FieldSet a = set_of(R"({"f:spec":{"f:a":{},"f:b":{"f:c":{}}},"f:status":{"f:x":{}}})");
  EXPECT_EQ(printed(FieldSet::subtract_trees(a, set_of(R"({"f:status":{}})"))),
            R"({"f:spec":{"f:a":{},"f:b":{"f:c":{}}}})");
  EXPECT_EQ(printed(FieldSet::subtract_trees(a, set_of(R"({"f:spec":{"f:b":{}}})"))),
            R"({"f:spec":{"f:a":{}},"f:status":{"f:x":{}}})");
  EXPECT_EQ(printed(FieldSet::subtract(a, set_of(R"({"f:status":{}})"))), printed(a));
}

TEST(FieldSet, PathsAreShownAsConflictsShowThem) {
  FieldSet set = set_of(R"({"f:spec":{"f:parts":{"k:{\"name\":\"wheel\"}":{".":{},"f:weight":{}}},)"
                        R"("f:steps":{}},"f:tags":{"v:\"a\"":{},"v:2":{}}})");
  EXPECT_EQ(apply::shown_paths(set),
            (std::vector<std::string>{".spec.steps", R"(.spec.parts[name="wheel"])",
                                      R"(.spec.parts[name="wheel"].weight)", R"(.tags[="a"])",
                                      ".tags[=2]"}));
}

TEST(FieldSet, AddingUnites) {
  FieldSet set;
  set.add(Step::field("b"), true);
  set.add(Step::field("a"), false, set_of(R"({"f:x":{}})"));
  set.add(Step::field("a"), true, set_of(R"({"f:y":{}})"));
  set.add(Step::field("c"), false);
  EXPECT_EQ(printed(set), R"({"f:a":{".":{},"f:x":{},"f:y":{}},"f:b":{}})");
  EXPECT_EQ(set.member_count(), 4u);
}

}  // namespace
