#include "bench/pacer.h"

#include <gtest/gtest.h>

#include "base/manual_loop.h"
#include "base/scope.h"

namespace bench {
namespace {

// A loop and the clock that goes with it.
struct Time {
  ManualLoop loop;
  std::int64_t now = 1'000;
  Scope scope{loop};

  void start(Pacer pacer, std::function<void(std::size_t, std::int64_t)> send) {
    scope.spawn("pace", pace(pacer, [this] { return now; }, std::move(send)));
    loop.run_until_idle();
  }
  void pass(Duration by) {
    now += by.count();
    loop.advance(by);
  }
};

TEST(PacerTest, OperationsGoOutAtTheirTimes) {
  Time time;
  std::vector<std::size_t> sent;
  time.start(Pacer(1000, 3, 1'000), [&](std::size_t n, std::int64_t) { sent.push_back(n); });
  EXPECT_EQ(sent, (std::vector<std::size_t>{0}));

  time.pass(1ms);
  EXPECT_EQ(sent, (std::vector<std::size_t>{0, 1}));
  time.pass(1ms);

  EXPECT_EQ(sent, (std::vector<std::size_t>{0, 1, 2}));
  EXPECT_EQ(time.scope.size(), 0u);
}

TEST(PacerTest, WhatIsLateGoesOutAtOnceWithTheTimeItWasDueAt) {
  Time time;
  std::vector<std::int64_t> due;
  time.start(Pacer(1000, 10, 1'000), [&](std::size_t, std::int64_t at) { due.push_back(at); });

  time.now += 4'000'000;  // the client itself was held up
  time.loop.advance(1ms);

  ASSERT_EQ(due.size(), 5u);
  EXPECT_EQ(due[4], 1'000 + 4'000'000);
  EXPECT_EQ(due[1], 1'000 + 1'000'000);
  time.pass(10ms);
  EXPECT_EQ(due.size(), 10u);
}

TEST(PacerTest, NothingIsDueBeforeTheStart) {
  Pacer pacer(10, 5, 500);

  EXPECT_EQ(pacer.due_by(499), 0u);
  EXPECT_EQ(pacer.due_by(500), 1u);
  EXPECT_EQ(pacer.due_by(1'000'000'000'000), 5u);
}

}  // namespace
}  // namespace bench
