#include "bench/watch_reader.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace bench {
namespace {

std::string line(const std::string& name) {
  return fmt::format(
      R"({{"type":"ADDED","object":{{"metadata":{{"name":"{}","resourceVersion":"5"}}}}}})"
      "\n",
      name);
}

struct WatchReaderTest : testing::Test {
  KnownLines known;

  // The names that a watcher who is told `text` in pieces of that size hears of.
  std::vector<std::string> read(std::string_view text, std::size_t piece) {
    std::vector<std::string> names;
    WatchReader reader(known, [&](const ScannedItem& event) {
      EXPECT_EQ(event.type, "ADDED");
      EXPECT_EQ(event.revision, "5");
      names.push_back(event.name);
    });
    for (std::size_t at = 0; at < text.size(); at += piece) reader.feed(text.substr(at, piece));
    return names;
  }
};

using Names = std::vector<std::string>;

TEST_F(WatchReaderTest, EachWatcherHearsOfEachEventHoweverItIsCut) {
  std::string text = line("a") + line("b") + line("c");
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    EXPECT_EQ(read(text, piece), (Names{"a", "b", "c"})) << piece;
  }
}

TEST_F(WatchReaderTest, WhatDiffersIsRead) {
  read(line("a") + line("b"), 1000);
  EXPECT_EQ(read(line("b") + line("a"), 1000), (Names{"b", "a"}));
  EXPECT_EQ(read(line("a") + line("bb"), 1000), (Names{"a", "bb"}));
  EXPECT_EQ(read(line("b"), 1000), (Names{"b"}));
  std::string known_lines = line("a") + line("b"), others = line("aa") + line("c") + line("d");
  for (std::size_t piece = 1; piece <= others.size(); ++piece) {
    known = {};
    read(known_lines, 1000);
    EXPECT_EQ(read(others, piece), (Names{"aa", "c", "d"})) << piece;
  }
}

TEST_F(WatchReaderTest, WhatIsNoEventOfItsOwnLineIsNotKept) {
  std::string two = line("a");
  two.pop_back();
  two += line("b");
  EXPECT_EQ(read(two, 1000), (Names{"a", "b"}));
  EXPECT_EQ(known.find(0), nullptr);
  EXPECT_EQ(read("\n" + line("c"), 1000), (Names{"c"}));
  EXPECT_EQ(known.find(0), nullptr);
  EXPECT_EQ(known.find(1)->item.name, "c");
}

TEST_F(WatchReaderTest, TheLastLineOfALongerEventIsNotKept) {
  auto printed = [](const std::string& name) {
    return fmt::format(
        "{{\"type\":\"ADDED\",\"object\":{{\"metadata\":{{\"name\":\"{}\",\n"
        "\"resourceVersion\":\"5\"}}}}}}\n",
        name);
  };
  EXPECT_EQ(read(printed("a"), 1000), (Names{"a"}));
  EXPECT_EQ(read(printed("b"), 1000), (Names{"b"}));
  EXPECT_EQ(known.find(1), nullptr);
}

TEST_F(WatchReaderTest, OldLinesMakeRoomForNewOnes) {
  std::string text;
  for (int i = 0; i < 1500; ++i) text += line(fmt::format("n{}", i));
  EXPECT_EQ(read(text, 4096).size(), 1500u);
  EXPECT_EQ(known.find(0), nullptr);
  EXPECT_EQ(known.find(1100)->item.name, "n1100");
  EXPECT_EQ(read(text, 4096).size(), 1500u);
}

}  // namespace
}  // namespace bench
