#include "apply/strategic_merge.h"

#include <gtest/gtest.h>

#include "json/text.h"

namespace {

using json::Value;

// A schema that knows only how lists merge.
class MergeRules final : public schema::Schema {
 public:
  std::vector<std::string> prune(Value&) const override { return {}; }
  void apply_defaults(Value&) const override {}
  std::vector<Cause> validate(const Value&, const Value&) const override { return {}; }
  Value openapi_v3() const override { return empty_; }
  const std::string& digest() const override { return digest_; }
  std::shared_ptr<const schema::Node> root() const override { return nullptr; }
  MergeRule merge_rule(const std::vector<std::string>& path) const override {
    if (path.back() == "containers") return {"merge", "name"};
    if (path.back() == "ports") return {"merge", "port"};
    if (path.back() == "finalizers") return {"merge", ""};
    if (path.back() == "strategy") return {"retainKeys", ""};
    return {};
  }

 private:
  Value empty_;
  std::string digest_;
};

std::string merged(std::string_view target, std::string_view patch) {
  auto result = apply::strategic_merge(*json::parse(target), *json::parse(patch), MergeRules());
  return result ? json::print(*result) : std::string(to_string(result.error().reason()));
}

TEST(StrategicMerge, MergesListsByTheirKeyAndAppendsNewElements) {
  EXPECT_EQ(merged(R"({"containers":[{"name":"a","image":"1"},{"name":"b"}]})",
                   R"({"containers":[{"name":"a","image":"2"},{"name":"c"}]})"),
            R"({"containers":[{"name":"a","image":"2"},{"name":"b"},{"name":"c"}]})");
}

TEST(StrategicMerge, DirectivesDeleteAndReplace) {
  EXPECT_EQ(merged(R"({"containers":[{"name":"a"},{"name":"b"}]})",
                   R"({"containers":[{"name":"a","$patch":"delete"}]})"),
            R"({"containers":[{"name":"b"}]})");
  EXPECT_EQ(merged(R"({"containers":[{"name":"a"}]})",
                   R"({"containers":[{"name":"z"},{"$patch":"replace"}]})"),
            R"({"containers":[{"name":"z"}]})");
  EXPECT_EQ(merged(R"({"m":{"a":1}})", R"({"m":{"$patch":"replace","b":2}})"), R"({"m":{"b":2}})");
  EXPECT_EQ(merged(R"({"m":{"a":1},"n":1})", R"({"m":{"$patch":"delete"}})"), R"({"n":1})");
}

TEST(StrategicMerge, PrimitiveListsMergeAsSets) {
  EXPECT_EQ(merged(R"({"finalizers":["a","b"]})",
                   R"({"$deleteFromPrimitiveList/finalizers":["a"],"finalizers":["b","c"]})"),
            R"({"finalizers":["b","c"]})");
}

TEST(StrategicMerge, ElementOrderIsSet) {
  EXPECT_EQ(merged(R"({"containers":[{"name":"a"},{"name":"b"}]})",
                   R"({"$setElementOrder/containers":[{"name":"c"},{"name":"a"}],)"
                   R"("containers":[{"name":"c"}]})"),
            R"({"containers":[{"name":"c"},{"name":"b"},{"name":"a"}]})");
}

TEST(StrategicMerge, RetainKeysDropsTheOthers) {
  EXPECT_EQ(merged(R"({"strategy":{"type":"x","rolling":{"a":1}}})",
                   R"({"strategy":{"$retainKeys":["type"],"type":"y"}})"),
            R"({"strategy":{"type":"y"}})");
}

TEST(StrategicMerge, NullDeletesAndPlainListsAreReplaced) {
  EXPECT_EQ(merged(R"({"a":1,"args":[1,2],"m":{"x":1,"y":2}})",
                   R"({"a":null,"args":[3],"m":{"x":null}})"),
            R"({"args":[3],"m":{"y":2}})");
}

TEST(StrategicMerge, NothingOfADirectiveIsStored) {
  EXPECT_EQ(merged("{}", R"({"m":{"$patch":"merge","a":{"b":null,"c":1}},)"
                         R"("containers":[{"name":"a","$patch":"delete"}]})"),
            R"({"m":{"a":{"c":1}},"containers":[]})");
}

TEST(StrategicMerge, MalformedPatchesAreRefused) {
  EXPECT_EQ(merged("{}", "[]"), "BadRequest");
  EXPECT_EQ(merged(R"({"m":{"a":1}})", R"({"m":{"$patch":"jump"}})"), "BadRequest");
  EXPECT_EQ(merged("{}", R"({"containers":[{"image":"x"}]})"), "Invalid");
  EXPECT_EQ(merged("{}", R"({"$deleteFromPrimitiveList/finalizers":1})"), "BadRequest");
}

}  // namespace
