#include "net/loop.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

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

}  // namespace
}  // namespace net
