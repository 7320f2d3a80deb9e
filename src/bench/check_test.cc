#include "bench/check.h"

#include <gtest/gtest.h>

namespace bench {
namespace {

Row row(const std::string& name, double cpu, std::optional<double> instructions = {}) {
  Row one{.name = name};
  one.server_cpu_us = cpu;
  one.instructions = instructions;
  return one;
}

json::Value figures(std::initializer_list<Row> rows, double calibration = 0.01) {
  CheckFigures all;
  for (const Row& one : rows) all.add(one);
  return all.to_json(calibration);
}

TEST(CheckTest, TheLowestOfTheRoundsCounts) {
  auto verdicts =
      compare(figures({row("a", 100)}), figures({row("a", 300), row("a", 140), row("a", 180)}));

  ASSERT_EQ(verdicts.size(), 1u);
  EXPECT_TRUE(verdicts[0].passed);
  EXPECT_NEAR(verdicts[0].ratio, 1.4, 0.001);
  EXPECT_NEAR(verdicts[0].spread, 300.0 / 140, 0.001);
}

TEST(CheckTest, HalfAsMuchAgainFails) {
  auto verdicts =
      compare(figures({row("a", 100), row("b", 100)}), figures({row("a", 151), row("b", 149)}));

  EXPECT_FALSE(verdicts[0].passed);
  EXPECT_TRUE(verdicts[1].passed);
}

TEST(CheckTest, ASlowerMachineIsNoRegression) {
  auto verdicts = compare(figures({row("a", 100)}, 0.01), figures({row("a", 200)}, 0.02));

  EXPECT_TRUE(verdicts[0].passed);
  EXPECT_NEAR(verdicts[0].ratio, 1, 0.001);
}

TEST(CheckTest, InstructionsDecideWhereBothHaveThem) {
  auto verdicts = compare(figures({row("a", 100, 1000.0), row("b", 100, 1000.0)}),
                          figures({row("a", 100, 1600.0), row("b", 100)}));

  EXPECT_TRUE(verdicts[0].by_instructions);
  EXPECT_FALSE(verdicts[0].passed);
  EXPECT_FALSE(verdicts[1].by_instructions);
  EXPECT_TRUE(verdicts[1].passed);
}

TEST(CheckTest, ARowThatOnlyOneSideKnowsFails) {
  auto verdicts = compare(figures({row("gone", 1)}), figures({row("new", 1)}));

  ASSERT_EQ(verdicts.size(), 2u);
  EXPECT_FALSE(verdicts[0].passed);
  EXPECT_FALSE(verdicts[1].passed);
}

}  // namespace
}  // namespace bench
