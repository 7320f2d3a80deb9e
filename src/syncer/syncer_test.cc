#include "syncer/syncer.h"

#include <gtest/gtest.h>

#include "base/child_task.h"
#include "base/error.h"
#include "base/manual_loop.h"
#include "base/scope.h"
#include "http/message.h"

namespace syncer {
namespace {

// A control plane that knows one SyncTarget and nothing else.
struct Upstream {
  std::string uid = "first";
  std::vector<std::string> heartbeats;  // bodies of the patches

  Task<> answer(http::Request request, http::ResponseWriter& response) {
    std::string body = co_await http::read_all(*request.body, 1 << 20);
    std::string target =
        R"({"metadata":{"name":"east","uid":")" + uid +
        R"(","resourceVersion":"1","annotations":{"kcp.io/cluster":"compute"}},"status":{}})";
    if (request.method == "PATCH") heartbeats.push_back(body);
    if (request.query().contains("watch=1")) {
      co_await response.send(200, {}, Bytes(R"({"type":"MODIFIED","object":)" + target + "}\n"));
    } else if (request.path().ends_with("/synctargets/east")) {
      co_await response.send(200, {}, Bytes(target));
    } else {
      co_await response.send(
          200, {}, Bytes(R"({"metadata":{"resourceVersion":"1"},"items":[)" + target + "]}"));
    }
  }
};

std::shared_ptr<client::Client> client_of(Upstream& upstream) {
  auto handler = [&upstream](http::Request request, http::ResponseWriter& response) {
    return upstream.answer(std::move(request), response);
  };
  return std::make_shared<client::Client>(http::direct_transport(handler, {}), "");
}

std::shared_ptr<client::Client> empty_cluster() {
  auto handler = [](http::Request request, http::ResponseWriter& response) {
    bool watch = request.query().contains("watch=1");
    return response.send(
        200, {}, watch ? Bytes() : Bytes(R"({"metadata":{"resourceVersion":"1"},"items":[]})"));
  };
  return std::make_shared<client::Client>(http::direct_transport(handler, {}), "");
}

Options options_for(Upstream& upstream) {
  Options options;
  options.upstream = client_of(upstream);
  options.downstream = empty_cluster();
  options.cluster = "root:compute";
  options.target = "east";
  options.uid = "first";
  return options;
}

TEST(Syncer, ASyncTargetThatWasMadeAnewIsRefused) {
  ManualLoop loop;
  Upstream upstream;
  upstream.uid = "second";
  try {
    run(loop, syncer::run(options_for(upstream)));
    FAIL() << "it ran";
  } catch (const Error& error) {
    EXPECT_EQ(error.reason(), Reason::Gone);
  }
}

TEST(Syncer, ForItsNameItGoesOnWithTheNewOne) {
  ManualLoop loop;
  Upstream upstream;
  Scope scope(loop);
  scope.spawn("syncer", run_for_name(options_for(upstream)));
  auto speaks_for = [&](const std::string& uid) {
    return !upstream.heartbeats.empty() && upstream.heartbeats.back().contains(uid);
  };
  loop.advance(1s);
  ASSERT_TRUE(speaks_for("first"));

  upstream.uid = "second";
  for (int i = 0; i < 120 && !speaks_for("second"); ++i) loop.advance(1s);

  EXPECT_TRUE(speaks_for("second"));
  EXPECT_FALSE(scope.cancelled());
  scope.cancel();
  run(loop, scope.join());
}

}  // namespace
}  // namespace syncer
