#include "server/request_sketch.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace server {
namespace {

const TimePoint kStart(std::chrono::seconds(1'700'000'000));

TEST(RequestSketch, FindsTheBusiestAmongManyThatComeAndGo) {
  RequestSketch sketch(64);
  TimePoint now = kStart;
  for (int round = 0; round < 2000; ++round) {
    sketch.note("busy", now);
    if (round % 2 == 0) sketch.note("half", now);
    for (int i = 0; i < 10; ++i) sketch.note(fmt::format("rare{}", round * 10 + i), now);
    now += 10ms;
  }

  auto top = sketch.top(2, now);

  ASSERT_EQ(top.size(), 2u);
  EXPECT_EQ(top[0].cluster, "busy");
  EXPECT_EQ(top[0].count, 2000u);
  EXPECT_EQ(top[1].cluster, "half");
  EXPECT_EQ(sketch.top(1000, now).size(), 64u);
}

TEST(RequestSketch, WhoTakesAPlaceInheritsNoRequests) {
  RequestSketch sketch(1);
  for (int i = 0; i < 1000; ++i) sketch.note("a", kStart);

  sketch.note("b", kStart + 1s);

  EXPECT_FALSE(sketch.find("a", kStart + 1s));
  auto b = sketch.find("b", kStart + 1s);
  ASSERT_TRUE(b);
  EXPECT_EQ(b->count, 1u);
  EXPECT_EQ(b->since, kStart + 1s);
  EXPECT_NEAR(b->per_second, 1.0 / 60, 1e-6);
}

TEST(RequestSketch, RatesFadeAndCountsStay) {
  RequestSketch sketch(8);
  for (int second = 0; second < 600; ++second) {
    for (int i = 0; i < 5; ++i) sketch.note("a", kStart + second * 1s);
  }
  TimePoint end = kStart + 600s;

  EXPECT_NEAR(sketch.find("a", end)->per_second, 5, 0.1);
  EXPECT_LT(sketch.find("a", end + 10min)->per_second, 0.001);
  EXPECT_EQ(sketch.find("a", end + 10min)->count, 3000u);
}

TEST(RequestSketch, WeightsStayFiniteHoweverLongItRuns) {
  RequestSketch sketch(2);
  sketch.note("old", kStart);
  for (int day = 0; day < 400; ++day) sketch.note("steady", kStart + day * 24h);
  TimePoint end = kStart + 400 * 24h;
  for (int i = 0; i < 60; ++i) sketch.note("new", end);

  EXPECT_NEAR(sketch.find("new", end)->per_second, 1, 0.001);
  EXPECT_TRUE(sketch.find("steady", end));
  EXPECT_FALSE(sketch.find("old", end));
}

}  // namespace
}  // namespace server
