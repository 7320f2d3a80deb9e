#include "sharing/claims.h"

#include <gtest/gtest.h>

#include "json/text.h"

namespace sharing {
namespace {

json::Value yaml(std::string_view text) { return value_or_throw(json::parse_yaml(text)); }

TEST(ClaimLabels, AreTheReferencesVectors) {
  EXPECT_EQ(export_hash("root", "tenancy.kcp.io"), "bmCdly9xXiUpEHe3ypvDwvXMTfoVZUE92mqAQf");
  EXPECT_EQ(export_hash("abcd1234", "my-export"), "phGj1BkmdNY3LKTrtFc1KGLYTBs8Nt50p8PIU");
  EXPECT_EQ(claim_label_value({"", "configmaps", ""}), "3QVjs6pfBjMpLEVYYhysJnroYGsQGlWm05E4qe");
  EXPECT_EQ(claim_label_value({"apps", "deployments", "deadbeef"}),
            "4CpOMiJ5JL9ZC4cG8ne7nGNQbSOEUiwZ89KHal");
}

TEST(ClaimVerbs, AnAsteriskMeansAllOnEitherSide) {
  json::Value all = yaml("['*']"), some = yaml("[get, list]"), other = yaml("[list, get]");

  EXPECT_TRUE(has_verb(all, "delete"));
  EXPECT_TRUE(has_verb(some, "get"));
  EXPECT_FALSE(has_verb(some, "delete"));
  EXPECT_TRUE(same_verbs(all, some));
  EXPECT_TRUE(same_verbs(some, other));
  EXPECT_FALSE(same_verbs(some, yaml("[get]")));
}

TEST(ClaimSelector, NoFormGrantsNothing) {
  auto matches = [](std::string_view selector, std::string_view object) {
    return claim_selector(yaml(selector))->matches_object(yaml(object));
  };

  EXPECT_TRUE(matches("{matchAll: true}", "{}"));
  EXPECT_FALSE(matches("{}", "{metadata: {labels: {a: b}}}"));
  EXPECT_TRUE(matches("{matchLabels: {a: b}}", "{metadata: {labels: {a: b}}}"));
  EXPECT_FALSE(matches("{matchLabels: {a: b}}", "{metadata: {labels: {a: c}}}"));
  EXPECT_TRUE(
      matches("{matchExpressions: [{key: a, operator: Exists}]}", "{metadata: {labels: {a: c}}}"));
}

TEST(ClaimValidation, SaysWhatToChange) {
  auto export_causes = [](std::string_view text) { return check_export_claims(yaml(text)); };
  auto binding_causes = [](std::string_view text) { return check_binding_claims(yaml(text)); };

  EXPECT_TRUE(export_causes("[{resource: configmaps, verbs: [get]}]").empty());
  auto foreign = export_causes("[{group: apps, resource: deployments, verbs: [get]}]");
  ASSERT_EQ(foreign.size(), 1U);
  EXPECT_EQ(foreign[0].field, "spec.permissionClaims[0].identityHash");
  EXPECT_EQ(export_causes("[{resource: secrets}]")[0].field, "spec.permissionClaims[0].verbs");
  EXPECT_TRUE(
      binding_causes("[{resource: secrets, verbs: ['*'], selector: {matchAll: true}}]").empty());
  EXPECT_EQ(binding_causes("[{resource: secrets, verbs: ['*']}]").size(), 1U);
  EXPECT_EQ(binding_causes("[{resource: secrets, verbs: ['*'], selector: {matchAll: true, "
                           "matchLabels: {a: b}}}]")
                .size(),
            1U);
  EXPECT_EQ(binding_causes("[{resource: secrets, verbs: ['*'], selector: {matchLabels: {a b: c}}}]")
                .size(),
            1U);
}

}  // namespace
}  // namespace sharing
