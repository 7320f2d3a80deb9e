#include "server/documents.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/manual_loop.h"
#include "json/text.h"
#include "schema/schema.h"
#include "server/openapi.h"

namespace server {
namespace {

using json::Value;

constexpr std::string_view kAggregated =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

registry::KindPtr kind(std::string_view group, std::string_view plural,
                       std::string_view description = "") {
  auto made = std::make_shared<registry::Kind>();
  made->group = group;
  made->plural = plural;
  made->kind = fmt::format("Kind{}", plural);
  made->namespaced = true;
  registry::Version version;
  version.name = "v1";
  Value source = Value::object({{"type", "object"}, {"description", description}});
  version.schema = schema::stored_schema(Bytes(json::print(source)));
  made->versions.push_back(std::move(version));
  return made;
}

class DocumentsTest : public testing::Test {
 protected:
  struct Answer {
    int status = 0;
    http::Headers headers;
    std::string text;
    Value body() const { return *json::parse(text); }
  };

  Answer get(std::string target, http::Headers headers = {}) {
    auto transport = http::direct_transport(
        [this](http::Request request, http::ResponseWriter& response) {
          return handle(this, std::move(request), response);
        },
        {});
    return run(loop_, ask(*transport, std::move(target), std::move(headers)));
  }

  static Task<Answer> ask(http::Transport& transport, std::string target, http::Headers headers) {
    http::Request request;
    request.method = "GET";
    request.target = std::move(target);
    request.headers = std::move(headers);
    request.body = http::body_of(Bytes());
    http::Response response = co_await transport.send(std::move(request));
    Answer answer{response.status, response.headers, {}};
    answer.text = co_await http::read_all(*response.body, 1 << 20);
    co_return answer;
  }

  static Task<> handle(DocumentsTest* self, http::Request request, http::ResponseWriter& response) {
    DocumentSource source{[self] {
                            ++self->asked_;
                            return self->kinds_;
                          },
                          self->tag_, "/clusters/a"};
    bool found =
        co_await self->documents_.answer(request, std::string(request.path()), source, response);
    if (!found) co_await response.send(404, {}, Bytes());
  }

  ManualLoop loop_;
  Documents documents_;
  Kinds kinds_{kind("a.org", "ants"), kind("b.org", "bees"), kind("b.org", "bugs")};
  std::string tag_ = "first";
  int asked_ = 0;
};

TEST_F(DocumentsTest, DiscoveryIsRenderedOncePerSetOfKinds) {
  auto first = get("/apis", {{"accept", kAggregated}});
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.body()["items"].size(), 2U);
  get("/apis", {{"accept", kAggregated}});
  EXPECT_EQ(asked_, 1);

  kinds_.push_back(kind("c.org", "cats"));
  tag_ = "second";
  auto second = get("/apis", {{"accept", kAggregated}});
  EXPECT_EQ(second.body()["items"].size(), 3U);
  EXPECT_NE(second.headers.get("etag"), first.headers.get("etag"));
}

TEST_F(DocumentsTest, WhatTheClientHasIsNotSentAgain) {
  for (const char* path : {"/apis", "/openapi/v3", "/openapi/v3/apis/a.org/v1", "/openapi/v2"}) {
    auto first = get(path);
    ASSERT_EQ(first.status, 200) << path;
    auto again = get(path, {{"if-none-match", first.headers.get("etag")}});
    EXPECT_EQ(again.status, 304) << path;
    EXPECT_TRUE(again.text.empty());
  }
}

TEST_F(DocumentsTest, TheIndexNamesEachGroupWithADigestThatOnlyItsKindsChange) {
  Value before = get("/openapi/v3").body()["paths"];
  kinds_[0] = kind("a.org", "ants", "changed");
  tag_ = "second";
  Value after = get("/openapi/v3").body()["paths"];

  EXPECT_NE(before["apis/a.org/v1"], after["apis/a.org/v1"]);
  EXPECT_EQ(before["apis/b.org/v1"], after["apis/b.org/v1"]);
  EXPECT_TRUE(after.at("apis/a.org/v1", "serverRelativeURL")
                  .as_string()
                  .starts_with("/clusters/a/openapi/v3/apis/a.org/v1?hash="));
}

TEST_F(DocumentsTest, ADocumentThatIsAskedByItsDigestMayBeKeptForGood) {
  std::string url =
      get("/openapi/v3").body().at("paths", "apis/b.org/v1", "serverRelativeURL").str();
  auto document = get(url.substr(std::string_view("/clusters/a").size()));
  EXPECT_EQ(document.status, 200);
  EXPECT_TRUE(document.headers.get("cache-control").contains("immutable"));
  EXPECT_EQ(document.body().at("components", "schemas").size(), 3U);
  EXPECT_TRUE(document.body()["paths"].contains("/apis/b.org/v1/bugs"));

  auto old = get("/openapi/v3/apis/b.org/v1?hash=old");
  EXPECT_EQ(old.status, 301);
  EXPECT_EQ(old.headers.get("location"), url);
  EXPECT_EQ(get("/openapi/v3/apis/b.org/v2").status, 404);
  EXPECT_EQ(get("/openapi/v3/apis/none.org/v1").status, 404);
}

// A name may hold anything, and those who serve the same share a document.
TEST_F(DocumentsTest, NoNameMakesTheDigestOfOtherKinds) {
  auto digest = [](const Kinds& kinds) { return openapi_digest(by_group_version(kinds).at(0)); };
  Kinds two{kind("a.org", "ants"), kind("a.org", "bees")};
  auto crafted = std::make_shared<registry::Kind>(*two[0]);
  crafted->kind = fmt::format("{} 64:{} true false 0 4:bees 8:Kindbees", two[0]->kind,
                              two[0]->versions[0].schema->digest());
  EXPECT_NE(digest({crafted}), digest(two));
}

TEST_F(DocumentsTest, TheWholeDocumentHasEveryKindOnce) {
  Value v2 = get("/openapi/v2").body();
  EXPECT_EQ(v2["swagger"].as_string(), "2.0");
  EXPECT_EQ(v2["definitions"].size(), 4U);
  EXPECT_TRUE(v2["paths"].contains("/apis/a.org/v1/ants"));
  auto protobuf = get("/openapi/v2",
                      {{"accept", "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"}});
  EXPECT_EQ(protobuf.status, 200);
  std::size_t metas = 0;
  for (std::size_t at = 0; (at = protobuf.text.find(kObjectMeta, at)) != std::string::npos; ++at) {
    metas += !std::string_view(protobuf.text).substr(0, at).ends_with("#/definitions/");
  }
  EXPECT_EQ(metas, 1U);
}

TEST(DocumentStore, KeepsWhatWasUsedLastWithinItsBounds) {
  DocumentStore store({.documents = 2, .bytes = 100, .bytes_of_one = 60});
  auto document = [](std::size_t size) { return Document{Bytes(std::string(size, 'x')), "e"}; };
  store.add("a", document(10));
  store.add("b", document(10));
  store.find("a");
  store.add("c", document(10));
  EXPECT_TRUE(store.find("a") && store.find("c"));
  EXPECT_FALSE(store.find("b"));
  store.add("large", document(61));
  EXPECT_FALSE(store.find("large"));
  store.add("d", document(60));
  store.add("e", document(60));
  EXPECT_FALSE(store.find("d"));
  EXPECT_TRUE(store.find("e"));
}

}  // namespace
}  // namespace server
