#include "glbc/authority.h"

#include <gtest/gtest.h>

#include "base/manual_loop.h"
#include "glbc/testing.h"

namespace glbc {
namespace {

using json::Value;

std::string certificate_of(const Value& secret) { return find_pair(secret)->certificate_pem; }

TEST(Authority, LastsTenYearsAndIsKept) {
  Value first = kept_authority(std::nullopt, kBegin);

  EXPECT_EQ(pki::validity_of(certificate_of(first))->not_after, kBegin + 3650 * 24h);
  EXPECT_EQ(kept_authority(first, kBegin + 3000 * 24h), first);
}

TEST(Authority, IsRenewedInTimeWithTheOldOneInTheBundle) {
  Value first = kept_authority(std::nullopt, kBegin);
  TimePoint later = kBegin + 3300 * 24h;

  Value second = kept_authority(first, later);

  EXPECT_NE(certificate_of(second), certificate_of(first));
  EXPECT_EQ(bundle_of(second), certificate_of(second) + certificate_of(first));
  Value third = kept_authority(second, later + 3600 * 24h);
  EXPECT_EQ(bundle_of(third), certificate_of(third) + certificate_of(second));
}

TEST(Authority, CertificatesOfTheOldOneStayTrusted) {
  Stage stage;
  Value first = kept_authority(std::nullopt, kBegin);
  stage.store(kLeafSource, kControl, first);
  AuthorityIssuer issuer(kControl);
  controller::Plan plan;
  auto leaf = issuer.issue(stage.world, "a.glbc.test", plan);
  ASSERT_TRUE(leaf);

  stage.store(kLeafSource, kControl, kept_authority(first, kBegin + 3300 * 24h));
  EXPECT_TRUE(issuer.is_trusted(stage.world, leaf->certificate_pem));
  stage.store(kLeafSource, kControl, kept_authority(std::nullopt, kBegin));
  EXPECT_FALSE(issuer.is_trusted(stage.world, leaf->certificate_pem));
}

TEST(Authority, ALostOneIsMadeAnewAndEverybodyIsTold) {
  Stage stage;
  std::string told;
  AuthorityController controller({}, [&](const std::string& bundle) { told = bundle; });
  controller::Key key{kLeafSource, kControl, kControlNamespace, kAuthority};

  auto plan = controller.reconcile(stage.world, key, std::nullopt);
  stage.carry_out(plan);
  ManualLoop loop;
  for (auto& effect : plan.effects) run(loop, effect());

  auto made = stage.world.find(key);
  ASSERT_TRUE(made);
  EXPECT_EQ(told, bundle_of(*made));
  EXPECT_FALSE(told.contains("PRIVATE"));
}

}  // namespace
}  // namespace glbc
