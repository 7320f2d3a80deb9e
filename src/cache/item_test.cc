#include "cache/item.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace cache {
namespace {

// What SharedTexts::global() has of a text that no other test uses.
std::string text_of(std::string_view what, std::size_t size = 3000) {
  std::string text(what);
  while (text.size() < size) text += " " + std::to_string(text.size());
  return text;
}

std::string config_map(std::string_view name, const std::string& data, std::string_view more = "") {
  std::string text = R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":")";
  text.append(name).append(R"(","namespace":"n","uid":"u-)").append(name);
  text.append(R"(","labels":{"b":"2","a":"1"})").append(more);
  return text + R"(},"data":{"file":")" + data + R"("},"tail":true})";
}

ItemPtr make(std::string_view name, const std::string& json, std::uint64_t revision = 7) {
  return Item::make({"c", "n", name}, json, revision);
}

std::string spliced(std::string json, std::string_view version) {
  return json.insert(json.find(R"("name")"),
                     R"("resourceVersion":")" + std::string(version) + R"(",)");
}

std::size_t texts() { return SharedTexts::global().size().texts; }

TEST(Item, KeepsALargeValueThatOthersHaveOnce) {
  std::size_t before = texts();
  std::string data = text_of("once");
  auto first = make("a", config_map("a", data));
  auto second = make("b", config_map("b", data));
  auto third = make("c", config_map("c", data));

  EXPECT_TRUE(first->is_whole());
  EXPECT_FALSE(second->is_whole());
  EXPECT_FALSE(third->is_whole());
  EXPECT_EQ(texts(), before + 1);
  EXPECT_EQ(pieces_of(second)[1].view().data(), pieces_of(third)[1].view().data());
  EXPECT_EQ(third->json().view(), spliced(config_map("c", data), "7"));
  EXPECT_EQ(json_of(third).view(), third->json().view());
  EXPECT_EQ(third->size(), first->size());  // what a tenant is charged tells nothing of others
}

TEST(Item, LetsASharedTextGoWithTheLastThatHasIt) {
  std::size_t before = texts();
  std::string data = text_of("gone");
  make("a", config_map("a", data));
  auto second = make("b", config_map("b", data));
  auto third = Item::at_revision(*second, 8);
  Bytes kept = pieces_of(third)[1];
  EXPECT_EQ(texts(), before + 1);

  second = nullptr;
  third = nullptr;
  EXPECT_TRUE(kept.view().contains("gone"));
  EXPECT_EQ(texts(), before + 1);
  kept = Bytes();
  EXPECT_EQ(texts(), before);
}

TEST(Item, InPiecesTellsWhatItsTextSays) {
  std::string data = text_of("says"), note = text_of("note");
  std::string more = R"(,"annotations":{"x":")" + note + R"("},"ownerReferences":[{"uid":"o1"}])";
  make("a", config_map("a", data, more));
  auto one = make("b", config_map("b", data, more), 42);

  EXPECT_EQ(pieces_of(one).size(), 5u);
  EXPECT_EQ(one->json().view(), spliced(config_map("b", data, more), "42"));
  EXPECT_EQ(one->key(), (KeyView{"c", "n", "b"}));
  EXPECT_EQ(one->uid(), "u-b");
  EXPECT_EQ(one->kind(), "ConfigMap");
  EXPECT_EQ(one->labels(), (object::Labels{{"a", "1"}, {"b", "2"}}));
  ASSERT_EQ(one->owner_count(), 1u);
  EXPECT_EQ(one->owner_uid(0), "o1");
  EXPECT_TRUE(one->mentions("note"));
  EXPECT_TRUE(one->mentions("u-b"));
  EXPECT_TRUE(one->mentions("tail"));
  EXPECT_FALSE(one->mentions("nowhere"));
}

TEST(Item, AtAnotherRevisionIsWhatItWouldBeIfMadeThere) {
  std::string data = text_of("at another"), note = text_of("another note");
  std::string more = R"(,"annotations":{"x":")" + note + R"("},"ownerReferences":[{"uid":"o1"}])";
  make("a", config_map("a", data, more));
  for (std::uint64_t from : {1u, 99'999u, 0u}) {
    for (const std::string& json :
         {config_map("b", data, more),
          config_map("b", "small", R"(,"ownerReferences":[{"uid":"o1"}])"),
          std::string(R"({"kind":"X","metadata":{},"uid":"not"})")}) {
      auto moved = Item::at_revision(*make("b", json, from), 1234);
      auto made = make("b", json, 1234);

      EXPECT_EQ(moved->json().view(), made->json().view());
      EXPECT_EQ(moved->size(), made->size());
      EXPECT_EQ(moved->revision(), 1234u);
      EXPECT_EQ(moved->is_whole(), made->is_whole());
      EXPECT_EQ(moved->key(), made->key());
      EXPECT_EQ(moved->kind(), made->kind());
      EXPECT_EQ(moved->uid(), made->uid());
      EXPECT_EQ(moved->labels().copy(), made->labels().copy());
      EXPECT_TRUE(moved->has_same_owners(*made));
    }
  }
}

TEST(Item, SharesAPartOfAValueWhereNotAllOfItIsEqual) {
  std::string data = text_of("part");
  auto versions = [&](std::string_view bundle) {
    return R"({"kind":"X","metadata":{"name":"x"},"spec":{"bundle":")" + std::string(bundle) +
           R"(","versions":[")" + data + R"("]}})";
  };
  make("x", versions("one"));
  auto second = make("x", versions("two"));

  ASSERT_EQ(pieces_of(second).size(), 3u);
  EXPECT_EQ(pieces_of(second)[1].view(), "[\"" + data + "\"]");
  EXPECT_EQ(second->json().view(), spliced(versions("two"), "7"));
}

TEST(Item, GivesSlicesOfWhatever) {
  std::string data = text_of("slices");
  make("a", config_map("a", data));
  auto one = make("b", config_map("b", data));
  auto pieces = pieces_of(one);

  std::string text(one->json().view());
  std::size_t shared = text.find(data);
  EXPECT_EQ(slice_of(one, shared, data.size()).view(), data);
  EXPECT_EQ(slice_of(one, shared, 10).view().data() - pieces[1].view().data(),
            static_cast<std::ptrdiff_t>(std::string_view("{'file':'").size()));
  for (std::size_t at = 0; at + 20 < text.size(); at += 7) {
    EXPECT_EQ(slice_of(one, at, 20).view(), text.substr(at, 20));
  }
}

TEST(Item, NeverSharesASecret) {
  std::string secret = config_map("s", text_of("secret"));
  secret.replace(secret.find("ConfigMap"), 9, "Secret");
  make("s", secret);

  EXPECT_TRUE(make("s", secret)->is_whole());
}

// What a header refers to may lie in a value that is shared, in a text that our printer never
// wrote.
TEST(Item, KnowsItsKindWhereverItStands) {
  std::string kind = text_of("kind");
  std::string json = R"({"apiVersion":"v1","metadata":{"name":"k"},"kind":")" + kind + "\"}";
  make("k", json);
  auto second = make("k", json);

  EXPECT_FALSE(second->is_whole());
  EXPECT_EQ(second->kind(), kind);
}

TEST(Item, MayBeSharedByManyThreads) {
  std::size_t before = texts();
  std::string data = text_of("threads");
  std::string expected = spliced(config_map("t", data), "9");
  auto work = [&] {
    for (int i = 0; i < 2'000; ++i) {
      auto one = Item::at_revision(*make("t", config_map("t", data)), 9);
      EXPECT_EQ(one->json().view(), expected);
    }
  };
  std::vector<std::jthread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back(work);
  threads.clear();

  EXPECT_EQ(texts(), before);
}

}  // namespace
}  // namespace cache
