#include "controller/controller.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/manual_loop.h"
#include "base/scope.h"
#include "base/strings.h"
#include "controller/queue.h"
#include "controller/testing.h"
#include "json/text.h"

namespace controller {
namespace {

const client::Resource kMaps{"", "v1", "configmaps", true};

// Just enough of an API server: one map of objects, a change log that watches read.
struct Api {
  std::map<std::string, json::Value> objects;
  std::vector<std::string> log;  // event lines
  std::vector<std::string> writes;
  int refuse_updates = 0;

  void put(const std::string& name, json::Value object, const char* type) {
    object.edit("metadata").set("resourceVersion", std::to_string(log.size() + 1));
    objects[name] = object;
    log.push_back(std::string(R"({"type":")") + type + R"(","object":)" + json::print(object) +
                  "}\n");
  }
  void seed(const std::string& name, const std::string& value) {
    json::Value object = object::make("v1", "ConfigMap", name, "default");
    object.set("data", json::Value::object({{"in", value}}));
    put(name, std::move(object), objects.contains(name) ? "MODIFIED" : "ADDED");
  }
};

Task<> stream_log(Api* api, std::size_t from, http::ResponseWriter& response) {
  co_await response.start(200, {});
  while (true) {
    while (from < api->log.size()) co_await response.write(Bytes(api->log[from++]));
    co_await sleep_for(10ms);
  }
}

Task<> serve(Api* api, http::Request request, http::ResponseWriter& response) {
  std::string target = request.target;
  if (target.contains("watch=1")) {
    std::size_t from = *parse_u64(target.substr(target.find("resourceVersion=") + 16));
    co_await stream_log(api, from, response);
    co_return;
  }
  std::string body = co_await http::read_all(*request.body, 1 << 20);
  if (request.method == "GET") {
    json::Value list = json::Value::object(
        {{"kind", "ConfigMapList"},
         {"apiVersion", "v1"},
         {"metadata", json::Value::object({{"resourceVersion", std::to_string(api->log.size())}})},
         {"items", json::Value::array()}});
    for (const auto& [name, object] : api->objects) list.edit("items").push_back(object);
    co_await response.send(200, {}, Bytes(json::print(list)));
    co_return;
  }
  std::string name = target.substr(target.rfind('/') + 1);
  if (api->refuse_updates > 0) {
    --api->refuse_updates;
    co_await response.send(409, {}, Bytes(std::string(R"({"reason":"Conflict","message":"no"})")));
    co_return;
  }
  api->writes.push_back(request.method + " " + name);
  api->put(name, *json::parse(body), "MODIFIED");
  co_await response.send(200, {}, Bytes(body));
}

// Copies data.in to data.out.
class Copier final : public Controller {
 public:
  explicit Copier(std::shared_ptr<client::Client> client) : client_(std::move(client)) {}
  std::string_view name() const override { return "copier"; }
  Declaration declare() const override {
    Source source{"maps", kMaps, "", "", "", "", client_};
    return {{source}, {}};
  }
  Plan reconcile(const World&, const Key& key,
                 const std::optional<json::Value>& object) const override {
    Plan plan;
    if (!object) return plan;
    json::Value wanted = *object;
    wanted.edit("data").set("out", wanted.at("data", "in"));
    plan.update("maps", key.cluster, std::move(wanted));
    return plan;
  }

 private:
  std::shared_ptr<client::Client> client_;
};

class ControllerTest : public testing::Test {
 protected:
  void start() {
    auto handler = [this](http::Request request, http::ResponseWriter& response) -> Task<> {
      return serve(&api_, std::move(request), response);
    };
    auto client = std::make_shared<client::Client>(http::direct_transport(handler, {}), "");
    scope_.spawn("controller", run(std::make_shared<Copier>(client), clock_, {}));
    loop_.advance(200ms);
  }
  void TearDown() override {
    scope_.cancel();
    loop_.advance(1s);
  }
  std::string out(const std::string& name) { return api_.objects[name].at("data", "out").str(); }

  ManualLoop loop_;
  FakeClock clock_;
  Api api_;
  Scope scope_{loop_};
};

TEST_F(ControllerTest, ReconcilesWhatIsThereAndWhatChanges) {
  api_.seed("a", "1");
  start();
  EXPECT_EQ(out("a"), "1");
  api_.seed("b", "2");
  loop_.advance(200ms);
  EXPECT_EQ(out("b"), "2");
}

TEST_F(ControllerTest, AnUnchangedObjectIsNotWritten) {
  api_.seed("a", "1");
  start();
  loop_.advance(5s);
  EXPECT_EQ(api_.writes, std::vector<std::string>{"PUT a"});
}

TEST_F(ControllerTest, AFailureIsTriedAgain) {
  api_.refuse_updates = 3;
  api_.seed("a", "1");
  start();
  loop_.advance(1s);
  EXPECT_EQ(out("a"), "1");
}

TEST(Queue, AKeyRunsOnceAtATimeAndAgainIfItWasAdded) {
  ManualLoop loop;
  Queue queue;
  Key key{"s", "c", "n", "x"};
  queue.add(key);
  queue.add(key);
  EXPECT_EQ(run(loop, queue.take()), key);
  queue.add(key);
  EXPECT_FALSE(queue.idle());
  queue.done(key);
  EXPECT_EQ(run(loop, queue.take()), key);
  queue.done(key);
  EXPECT_TRUE(queue.idle());
}

TEST(FakeWorld, ListsByClusterNamespaceAndLabels) {
  FakeWorld world{TimePoint()};
  json::Value object = object::make("v1", "X", "a", "n");
  object::set_annotation(object, "kcp.io/cluster", "c1");
  object::set_label(object, "k", "v");
  world.add("xs", object);
  EXPECT_EQ(world.list("xs", "c1", "n", *object::LabelSelector::parse("k=v")).size(), 1u);
  EXPECT_EQ(world.list("xs", "c2", "", {}).size(), 0u);
  EXPECT_TRUE(world.find({"xs", "c1", "n", "a"}));
}

}  // namespace
}  // namespace controller
