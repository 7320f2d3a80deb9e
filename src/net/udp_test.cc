#include "net/udp.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/scope.h"

namespace {

// Runs `task` on a real loop of its own and returns what it threw.
std::exception_ptr run_on(net::IoLoop& loop, Task<> task) {
  auto child = std::make_shared<task_detail::Child<void>>();
  child->on_done = [&loop] { loop.stop(); };
  task_detail::start(loop, child, std::move(task));
  loop.run();
  if (child->outcome.index() == 2) return std::get<2>(child->outcome);
  return nullptr;
}

Task<> echo_once(net::UdpSocket& server) {
  auto batch = co_await server.receive();
  EXPECT_EQ(server.send(batch), batch.size());
}

Task<> ask_and_collect(net::IoLoop& loop, std::size_t count) {
  net::UdpSocket server(loop, {"127.0.0.1", 0});
  net::UdpSocket client(loop, {"127.0.0.1", 0});
  std::vector<net::Datagram> questions(count);
  for (std::size_t i = 0; i < count; ++i) {
    questions[i].data = "question " + std::to_string(i);
    questions[i].set_remote(server.endpoint());
  }
  EXPECT_EQ(client.send(questions), count);
  std::size_t answers = 0;
  while (answers < count) {
    co_await echo_once(server);
    for (auto& answer : co_await client.receive()) {
      EXPECT_EQ(answer.data, "question " + std::to_string(answers++));
      EXPECT_EQ(answer.remote().port, server.endpoint().port);
    }
  }
}

TEST(Udp, BatchesGoAndComeBackInOrder) {
  net::IoLoop loop;
  EXPECT_EQ(run_on(loop, ask_and_collect(loop, 100)), nullptr);
}

Task<> send_long_then_short(net::IoLoop& loop) {
  net::UdpSocket server(loop, {"127.0.0.1", 0}, {.max_datagram_bytes = 16});
  net::UdpSocket client(loop, {"127.0.0.1", 0});
  std::vector<net::Datagram> questions(2);
  questions[0].data = std::string(17, 'x');
  questions[1].data = std::string(16, 'y');
  for (auto& question : questions) question.set_remote(server.endpoint());
  client.send(questions);
  auto batch = co_await server.receive();
  EXPECT_EQ(batch.size(), 1u);
  EXPECT_EQ(batch.at(0).data, std::string(16, 'y'));
}

TEST(Udp, DatagramsOverTheLimitAreDropped) {
  net::IoLoop loop;
  EXPECT_EQ(run_on(loop, send_long_then_short(loop)), nullptr);
}

TEST(Udp, APortInUseIsOneClearLine) {
  net::IoLoop loop;
  net::UdpSocket first(loop, {"127.0.0.1", 0});

  try {
    net::UdpSocket second(loop, first.endpoint());
    FAIL() << "bound twice";
  } catch (const Error& error) {
    EXPECT_EQ(error.message(),
              "cannot listen on " + first.endpoint().text() + "/udp: Address already in use");
  }
}

TEST(Udp, SocketsThatReuseThePortShareIt) {
  net::IoLoop loop;
  net::UdpSocket first(loop, {"127.0.0.1", 0}, {.reuse_port = true});

  net::UdpSocket second(loop, first.endpoint(), {.reuse_port = true});

  EXPECT_EQ(first.endpoint().port, second.endpoint().port);
}

}  // namespace
