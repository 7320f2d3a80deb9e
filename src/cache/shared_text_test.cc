#include "cache/shared_text.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace cache {
namespace {

// Texts with the same first letter have the same hash.
std::uint64_t by_first_letter(std::string_view text) {
  return text.empty() ? 0 : static_cast<std::uint64_t>(text[0]) * 0x9e3779b97f4a7c15;
}

TEST(SharedTexts, ShareATextFromTheSecondTimeOn) {
  SharedTexts texts;
  std::string text(2000, 'x');

  SharedText first = texts.share(text);
  SharedText second = texts.share(text);
  SharedText third = texts.share(std::string(text));

  EXPECT_FALSE(first);
  ASSERT_TRUE(second);
  EXPECT_EQ(second.view(), text);
  EXPECT_EQ(third, second);
  EXPECT_EQ(texts.size().texts, 1u);
  EXPECT_EQ(texts.size().bytes, text.size());
}

TEST(SharedTexts, GoWithTheLastReference) {
  SharedTexts texts;
  texts.share("a text");
  {
    SharedText one = texts.share("a text");
    SharedText copy = one;
    SharedText moved = std::move(one);
    EXPECT_EQ(texts.size().texts, 1u);
    moved = SharedText();
    EXPECT_EQ(copy.view(), "a text");
  }

  EXPECT_EQ(texts.size().texts, 0u);
  EXPECT_EQ(texts.size().bytes, 0u);
  EXPECT_TRUE(texts.share("a text"));  // its hash is still known
}

TEST(SharedTexts, OfTwoWithOneHashTheSecondIsNotShared) {
  SharedTexts texts(by_first_letter);
  texts.share("apple");
  SharedText apple = texts.share("apple");

  EXPECT_FALSE(texts.share("apricot"));
  EXPECT_FALSE(texts.share("apricot"));
  EXPECT_EQ(texts.share("apple"), apple);
  apple = SharedText();
  SharedText apricot = texts.share("apricot");
  EXPECT_EQ(apricot.view(), "apricot");
}

TEST(SharedTexts, AreKeptApartByTheirHashes) {
  SharedTexts texts([](std::string_view text) -> std::uint64_t {
    return static_cast<std::uint64_t>(std::hash<std::string_view>()(text) << 32) +
           std::stoull(std::string(text.substr(5))) * 16;  // a row for each, all in one shard
  });
  std::vector<SharedText> all;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 200; ++i) all.push_back(texts.share("text " + std::to_string(i)));
  }

  for (int i = 0; i < 200; ++i) {
    EXPECT_FALSE(all[static_cast<std::size_t>(i)]);
    EXPECT_EQ(all[static_cast<std::size_t>(200 + i)].view(), "text " + std::to_string(i));
  }
  EXPECT_EQ(texts.size().texts, 200u);
}

TEST(SharedTexts, AreForgottenWhenManyOthersHaveBeenSeen) {
  // All in one row.
  SharedTexts texts([](std::string_view text) -> std::uint64_t { return text.size() << 33; });
  for (std::size_t size = 1; size <= 100; ++size) texts.share(std::string(size, 'x'));

  EXPECT_FALSE(texts.share("x"));
  EXPECT_TRUE(texts.share("x"));
}

TEST(SharedTexts, MayBeSharedAndLetGoByManyThreads) {
  SharedTexts texts;
  auto work = [&texts](int seed) {
    for (int i = 0; i < 20'000; ++i) {
      std::string text(static_cast<std::size_t>(100 + (i + seed) % 3), 'x');
      SharedText one = texts.share(text);
      SharedText two = one;
      if (two) EXPECT_EQ(two.view(), text);
    }
  };
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(work, i);
  threads.clear();

  EXPECT_EQ(texts.size().texts, 0u);
  EXPECT_EQ(texts.size().bytes, 0u);
}

TEST(TextHash, DependsOnEachByteAndOnTheLength) {
  TextHash hash;
  for (std::size_t size : {0u, 1u, 31u, 32u, 33u, 100u}) {
    std::string text(size, '\0');
    std::uint64_t before = hash(text);
    EXPECT_EQ(hash(text), before);
    EXPECT_NE(hash(text + '\0'), before) << size;
    for (char& c : text) {
      c = 1;
      EXPECT_NE(hash(text), before) << size;
      c = 0;
    }
  }
}

TEST(TextHash, IsAnotherInEachProcess) { EXPECT_NE(TextHash()("text"), TextHash()("text")); }

}  // namespace
}  // namespace cache
