#include "client/client.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/manual_loop.h"
#include "json/text.h"

namespace client {
namespace {

const Resource kMaps{"", "v1", "configmaps", true};

// A server that answers by a table from "METHOD target" to status and body, and notes what was
// asked.
struct Script {
  std::vector<std::pair<std::string, std::pair<int, std::string>>> answers;
  std::vector<std::string> asked;
};

Task<> answer(Script* script, http::Request request, http::ResponseWriter& response) {
  std::string key = request.method + " " + request.target;
  std::string body = co_await http::read_all(*request.body, 1 << 20);
  script->asked.push_back(body.empty() ? key : key + " " + body);
  for (const auto& [asked, reply] : script->answers) {
    if (asked != key) continue;
    co_await response.send(reply.first, {}, Bytes(reply.second));
    co_return;
  }
  co_await response.send(
      404, {},
      Bytes(std::string(
          R"({"kind":"Status","reason":"NotFound","message":"gone","details":{"name":"x"},"code":404})")));
}

class ClientTest : public testing::Test {
 protected:
  Client client() {
    auto handler = [this](http::Request request, http::ResponseWriter& response) -> Task<> {
      return answer(&script_, std::move(request), response);
    };
    return Client(http::direct_transport(handler, {}), "/clusters/root");
  }
  ManualLoop loop_;
  Script script_;
};

TEST_F(ClientTest, AbsenceIsAnAnswer) {
  auto found = run(loop_, client().find(kMaps, "default", "x"));
  EXPECT_FALSE(found);
  EXPECT_EQ(script_.asked[0], "GET /clusters/root/api/v1/namespaces/default/configmaps/x");
  EXPECT_FALSE(run(loop_, client().remove(kMaps, "default", "x")));
}

TEST_F(ClientTest, ListsFollowAllPagesAndFillInKinds) {
  std::string first = "GET /clusters/root/api/v1/configmaps?limit=500&labelSelector=a%3Db";
  script_.answers = {
      {first,
       {200,
        R"({"kind":"ConfigMapList","apiVersion":"v1","metadata":{"continue":"T"},"items":[{"metadata":{"name":"a"}}]})"}},
      {first + "&continue=T",
       {200,
        R"({"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":[{"metadata":{"name":"b"}}]})"}}};
  auto list = run(loop_, client().list(kMaps, "", {.label_selector = "a=b"}));
  ASSERT_EQ(list.items.size(), 2u);
  EXPECT_EQ(list.items[1]["kind"].as_string(), "ConfigMap");
  EXPECT_EQ(list.resource_version, "7");
}

TEST_F(ClientTest, ErrorsComeBackAsTheyWere) {
  script_.answers = {
      {"POST /clusters/root/api/v1/namespaces/n/configmaps",
       {422,
        R"({"reason":"Invalid","message":"bad","details":{"causes":[{"reason":"FieldValueInvalid","field":"data","message":"no"}]}})"}}};
  auto object = *json::parse(R"({"metadata":{"name":"a","namespace":"n"}})");
  try {
    run(loop_, client().create(kMaps, object));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.reason(), Reason::Invalid);
    EXPECT_EQ(error.causes().at(0).field, "data");
  }
}

Task<std::string> read_events(Client client) {
  auto watch = co_await client.watch(kMaps, "", "5", {});
  std::string text;
  std::optional<Error> failure;
  try {
    while (auto event = co_await watch->next()) {
      text += std::to_string(static_cast<int>(event->type)) + event->object["n"].str() + " ";
    }
  } catch (const Error& error) {
    failure = error;
  }
  co_return text + (failure ? std::string(to_string(failure->reason())) : "end");
}

TEST_F(ClientTest, WatchesReadEventsAndThrowErrors) {
  std::string target =
      "GET /clusters/root/api/v1/configmaps?watch=1&allowWatchBookmarks=true&resourceVersion=5";
  script_.answers = {{target,
                      {200,
                       "{\"type\":\"ADDED\",\"object\":{\"n\":\"a\"}}\n{\"type\":\"DELETED\","
                       "\"object\":{\"n\":\"a\"}}\n"}}};
  EXPECT_EQ(run(loop_, read_events(client())), "0a 2a end");
  script_.answers[0].second.second =
      "{\"type\":\"ERROR\",\"object\":{\"reason\":\"Expired\",\"code\":410}}\n";
  EXPECT_EQ(run(loop_, read_events(client())), "Expired");
}

}  // namespace
}  // namespace client
