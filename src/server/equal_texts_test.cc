// Large values that many workspaces have are kept once: nobody notices, whichever way he reads.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "object/object.h"
#include "server/testing.h"

namespace server {
namespace {

using json::Value;

// A server in memory; clusters "a" to "d" have been given the same two ConfigMaps and the same
// definition.
class EqualTextsTest : public testing::Test, protected InMemoryServer {
 protected:
  static constexpr std::string_view kClusters = "abcd";

  EqualTextsTest() {
    server_.ready();
    for (char cluster : kClusters) {
      auto base = fmt::format("/clusters/{}", cluster);
      post(base + "/api/v1/namespaces", object::make("v1", "Namespace", "default"));
      for (const Value& map : {medium_, large_}) {
        post(base + "/api/v1/namespaces/default/configmaps", map);
      }
      post(base + "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition());
    }
  }

  static Value map(std::string name, std::size_t size) {
    Value made = object::make("v1", "ConfigMap", std::move(name));
    std::string text = "a \"text\" ";
    while (text.size() < size) text += std::to_string(text.size()) + " ";
    made.set("data", Value::object({{"small", "1"}, {"text", std::move(text)}}));
    return made;
  }

  static Value definition() {
    Value properties = Value::object();
    for (int i = 0; i < 60; ++i) {
      properties.set("field" + std::to_string(i),
                     Value::object({{"type", "string"}, {"description", "What it says."}}));
    }
    Value spec = Value::object({{"type", "object"}, {"properties", std::move(properties)}});
    Value root = Value::object(
        {{"type", "object"}, {"properties", Value::object({{"spec", std::move(spec)}})}});
    Value made = object::make("apiextensions.k8s.io/v1", "CustomResourceDefinition",
                              "widgets.equal.example.com");
    auto version = [&root](std::string name, bool storage) {
      return Value::object({{"name", std::move(name)},
                            {"served", true},
                            {"storage", storage},
                            {"schema", Value::object({{"openAPIV3Schema", root}})}});
    };
    made.set(
        "spec",
        Value::object({{"group", "equal.example.com"},
                       {"scope", "Namespaced"},
                       {"names", Value::object({{"plural", "widgets"}, {"kind", "Widget"}})},
                       {"versions", Value::array({version("v1", true), version("v2", false)})}}));
    return made;
  }

  std::string get(const std::string& target, const char* accept = "application/json") {
    return run(loop_, read_all(open("GET", target, {}, accept)));
  }
  Value object_at(const std::string& target) { return *json::parse(get(target)); }

  // The events that a watch begins with.
  std::vector<Value> events(const std::string& target, std::size_t count) {
    auto response = open("GET", target + "?watch=true", {});
    std::string text;
    auto complete = [&] { return std::ranges::count(text, '\n') >= std::ptrdiff_t(count); };
    while (!complete()) {
      auto more = run(loop_, read_some(*response.body));
      if (!more) break;
      text += more->view();
    }
    std::vector<Value> all;
    for (std::size_t at = 0; at < text.size();) {
      std::size_t end = text.find('\n', at);
      all.push_back(*json::parse(std::string_view(text).substr(at, end - at)));
      at = end + 1;
    }
    return all;
  }

  void post(std::string target, Value body) {
    auto response = open("POST", std::move(target), std::move(body));
    ASSERT_EQ(response.status, 201);
  }
  static Task<std::optional<Bytes>> read_some(http::BodyReader& body) {
    co_return co_await body.read();
  }
  static Task<std::string> read_all(http::Response response) {
    std::string text;
    while (auto more = co_await response.body->read()) text += more->view();
    co_return text;
  }

  cache::ItemPtr item(char cluster, const char* name) {
    std::string of(1, cluster);
    return cache_->table({"", "configmaps", ""}).find({of, "default", name});
  }

  const Value medium_ = map("medium", 3'000), large_ = map("large", 40'000);
};

TEST_F(EqualTextsTest, AreWholeInObjectsAndInLists) {
  for (char cluster : kClusters) {
    auto base = fmt::format("/clusters/{}/api/v1/namespaces/default/configmaps", cluster);
    EXPECT_EQ(object_at(base + "/medium")["data"], medium_["data"]);
    EXPECT_EQ(object_at(base + "/large")["data"], large_["data"]);
  }
  Value all = object_at("/clusters/*/api/v1/configmaps");

  std::size_t seen = 0;
  for (const Value& one : all["items"].elements()) {
    if (object::name(one) != "medium" && object::name(one) != "large") continue;
    EXPECT_EQ(one["data"], (object::name(one) == "large" ? large_ : medium_)["data"]);
    ++seen;
  }
  EXPECT_EQ(seen, 2 * kClusters.size());
  EXPECT_FALSE(item('d', "large")->is_whole());
}

TEST_F(EqualTextsTest, AreWholeInWatches) {
  auto target = "/clusters/d/api/v1/namespaces/default/configmaps";
  std::size_t count = object_at(target)["items"].size();

  for (const Value& event : events(target, count)) {
    EXPECT_EQ(event["type"].as_string(), "ADDED");
    const Value& one = event["object"];
    if (object::name(one) == "large") EXPECT_EQ(one["data"], large_["data"]);
    if (object::name(one) == "medium") EXPECT_EQ(one["data"], medium_["data"]);
  }
}

TEST_F(EqualTextsTest, AreChangedForOneWithoutTheOthers) {
  std::string target = "/clusters/d/api/v1/namespaces/default/configmaps/large";
  Value changed = object_at(target);
  changed.edit("data").set("text", "short");

  EXPECT_EQ(open("PUT", target, changed).status, 200);

  EXPECT_EQ(object_at(target)["data"], changed["data"]);
  EXPECT_EQ(object_at("/clusters/c/api/v1/namespaces/default/configmaps/large")["data"],
            large_["data"]);
}

TEST_F(EqualTextsTest, AreServedAsDefinitionsInEachCluster) {
  for (char cluster : kClusters) {
    auto base =
        fmt::format("/clusters/{}/apis/equal.example.com/v2/namespaces/default/widgets", cluster);
    Value widget = object::make("equal.example.com/v2", "Widget", "one");
    widget.set("spec", Value::object({{"field7", "seven"}, {"unknown", "pruned"}}));
    post(base, widget);

    Value read = object_at(base + "/one");
    EXPECT_EQ(read["apiVersion"].as_string(), "equal.example.com/v2");
    EXPECT_EQ(read["spec"], Value::object({{"field7", "seven"}}));
  }
}

TEST_F(EqualTextsTest, CostTheSameHoweverManyHaveThem) {
  EXPECT_EQ(item('d', "large")->size(), item('d', "large")->json().view().size());
  auto shared = cache_->size().shared.bytes;
  auto held = cache_->size().object_bytes;
  post("/clusters/e/api/v1/namespaces", object::make("v1", "Namespace", "default"));

  post("/clusters/e/api/v1/namespaces/default/configmaps", large_);

  EXPECT_EQ(cache_->size().shared.bytes, shared);
  EXPECT_GT(cache_->size().object_bytes, held + 40'000);
}

}  // namespace
}  // namespace server
