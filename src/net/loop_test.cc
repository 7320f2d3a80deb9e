#include "net/loop.h"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace net {
namespace {

// Both timers have run out when the loop looks: the one that is first cancels the other.
TEST(IoLoop, ATimerThatIsCancelledDoesNotFireThoughItHasRunOut) {
  IoLoop loop;
  int fired = 0;
  Loop::TimerId first = 0, second = 0;
  loop.post([&] {
    first = loop.call_after(1ms, [&] {
      ++fired;
      loop.cancel_timer(second);
    });
    second = loop.call_after(1ms, [&] {
      ++fired;
      loop.cancel_timer(first);
    });
    std::this_thread::sleep_for(5ms);
    loop.call_after(20ms, [&] { loop.stop(); });
  });

  loop.run();

  EXPECT_EQ(fired, 1);
}

TEST(IoLoop, WhatIsReadyWhenItIsStoppedStillRunsAndWhatFollowsFromIt) {
  IoLoop loop;
  std::vector<std::string> ran;
  loop.post([&] {
    loop.stop();
    loop.post([&] {
      ran.push_back("posted");
      loop.post([&] { ran.push_back("what follows"); });
    });
    loop.call_after(1h, [&] { ran.push_back("not due"); });
  });

  loop.run();

  EXPECT_EQ(ran, (std::vector<std::string>{"posted", "what follows"}));
}

TEST(IoLoop, AStoppedLoopEndsThoughSomethingGoesOnForEver) {
  IoLoop loop;
  std::function<void()> again = [&] { loop.post([&] { again(); }); };
  loop.post([&] {
    again();
    loop.stop();
  });

  loop.run();  // returns
}

}  // namespace
}  // namespace net
