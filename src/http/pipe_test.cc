#include "http/pipe.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/manual_loop.h"

namespace http {
namespace {

TEST(Pipe, KeepsTheOrderHoweverPiecesComeAndGo) {
  Pipe pipe(SIZE_MAX);
  int written = 0, read = 0;

  for (int round = 0; round < 5000; ++round) {
    // Grows to some thousands of pieces, then shrinks to none.
    int more = round < 2500 ? 3 : 0, less = round < 2500 ? 1 : 2;
    for (int i = 0; i < more; ++i) pipe.push(Bytes(std::to_string(written++)));
    for (int i = 0; i < less && read < written; ++i) {
      ASSERT_EQ(pipe.try_read()->view(), std::to_string(read++));
    }
  }

  EXPECT_EQ(read, 7500);
  EXPECT_TRUE(pipe.empty());
  EXPECT_EQ(pipe.queued(), 0u);
}

TEST(Pipe, PartsOfAPieceCanBeTaken) {
  Pipe pipe(SIZE_MAX);
  pipe.push(Bytes(std::string("abc")));
  pipe.push(Bytes(std::string("de")));

  pipe.consume(2);

  EXPECT_EQ(pipe.front(), "c");
  pipe.consume(1);
  EXPECT_EQ(pipe.front(), "de");
  EXPECT_EQ(pipe.queued(), 2u);
}

Task<> write(Pipe* pipe, std::string text, bool* written) {
  co_await pipe->write(Bytes(std::move(text)));
  *written = true;
}

TEST(Pipe, AWriterWaitsWhileTooMuchIsQueuedAndFailsWhenTheReaderGoes) {
  ManualLoop loop;
  Pipe pipe(4);
  bool first = false, second = false;
  run(loop, write(&pipe, "12345", &first));
  auto child = std::make_shared<task_detail::Child<void>>();
  child->on_done = [] {};
  task_detail::start(loop, child, write(&pipe, "6", &second));
  loop.run_until_idle();
  EXPECT_FALSE(second);

  EXPECT_EQ(pipe.try_read()->view(), "12345");
  loop.run_until_idle();

  EXPECT_TRUE(second);
  pipe.close_reader();
  EXPECT_TRUE(pipe.empty());
  EXPECT_THROW(run(loop, write(&pipe, "7", &first)), Error);
}

}  // namespace
}  // namespace http
