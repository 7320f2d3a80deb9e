#include "auth/covers.h"

#include <gtest/gtest.h>

namespace auth {
namespace {

std::string missing(const std::vector<Rule>& held, const std::vector<Rule>& wanted) {
  std::string text;
  for (const Rule& rule : missing_rules(held, wanted)) text += text_of(rule);
  return text;
}

Rule on(std::vector<std::string> verbs, std::vector<std::string> resources,
        std::vector<std::string> names = {}) {
  return {std::move(verbs), {""}, std::move(resources), std::move(names), {}};
}

TEST(MissingRules, WhatIsHeldInPiecesCoversTheWhole) {
  std::vector<Rule> held{on({"get"}, {"pods", "secrets"}), on({"list", "watch"}, {"pods"}),
                         on({"list"}, {"secrets"})};
  EXPECT_EQ(missing(held, {on({"get", "list"}, {"pods", "secrets"})}), "");
  EXPECT_EQ(missing(held, {on({"get", "watch"}, {"pods", "secrets"})}),
            R"({APIGroups:[""], Resources:["secrets"], Verbs:["watch"]})");
}

TEST(MissingRules, VerbsOfOneResourceAreShownTogether) {
  EXPECT_EQ(missing({}, {on({"get", "list"}, {"secrets"})}),
            R"({APIGroups:[""], Resources:["secrets"], Verbs:["get" "list"]})");
}

TEST(MissingRules, NamesNarrow) {
  std::vector<Rule> held{on({"get"}, {"secrets"}, {"a", "b"})};
  EXPECT_EQ(missing(held, {on({"get"}, {"secrets"}, {"a"})}), "");
  EXPECT_NE(missing(held, {on({"get"}, {"secrets"}, {"a", "c"})}), "");
  EXPECT_NE(missing(held, {on({"get"}, {"secrets"})}), "");
}

TEST(MissingRules, StarsCoverAndNeedStars) {
  Rule all{{"*"}, {"*"}, {"*"}, {}, {}};
  EXPECT_EQ(missing({all}, {on({"get"}, {"pods/log"}), all}), "");
  EXPECT_NE(missing({on({"get", "list"}, {"pods"})}, {on({"*"}, {"pods"})}), "");
  EXPECT_EQ(missing({on({"update"}, {"*/scale"})}, {on({"update"}, {"things/scale"})}), "");
  EXPECT_NE(missing({all}, {Rule{{"get"}, {}, {}, {}, {"/metrics"}}}), "");
  EXPECT_EQ(missing({Rule{{"get"}, {}, {}, {}, {"/api/*"}}},
                    {Rule{{"get"}, {}, {}, {}, {"/api/v1", "/api/*"}}}),
            "");
}

TEST(MissingRules, WhatIsTooLargeToJudgeIsMissing) {
  Rule large = on({"get"}, {"pods"});
  for (int i = 0; i < 100'000; ++i) large.verbs.push_back("v" + std::to_string(i));
  EXPECT_EQ(missing_rules({large}, {large}).size(), 1u);
  Rule wide = on({}, {});
  for (int i = 0; i < 300; ++i) {
    wide.verbs.push_back("v" + std::to_string(i));
    wide.resources.push_back("r" + std::to_string(i));
  }
  EXPECT_EQ(missing_rules({}, {wide}).size(), 1u);
}

}  // namespace
}  // namespace auth
