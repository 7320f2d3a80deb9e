#include "bench/scanner.h"

#include <gtest/gtest.h>

#include <vector>

namespace bench {
namespace {

std::vector<ScannedItem> scan(Scanner::Shape shape, std::string_view text, std::size_t piece,
                              bool* complete = nullptr) {
  std::vector<ScannedItem> items;
  Scanner scanner(shape, [&](const ScannedItem& item) { items.push_back(item); });
  for (std::size_t at = 0; at < text.size(); at += piece) scanner.feed(text.substr(at, piece));
  if (complete) *complete = scanner.complete();
  return items;
}

constexpr std::string_view kList =
    R"({"kind":"List","metadata":{"resourceVersion":"77","continue":"next"},"items":[)"
    R"({"metadata":{"name":"a","resourceVersion":"5","labels":{"name":"no"}},)"
    R"("data":{"version":"3","payload":"x\"}]y","other":"z"}},)"
    R"({"metadata":{"managedFields":[{"f":{"metadata":{"name":"no"}}}],"name":"b\\"},)"
    R"("spec":[1,[{"name":"no"}]],"status":{"phase":"Ready"}}]})";

TEST(ScannerTest, AListGivesItsObjectsHoweverItIsCut) {
  for (std::size_t piece = 1; piece < 40; ++piece) {
    auto items = scan(Scanner::Shape::List, kList, piece);

    ASSERT_EQ(items.size(), 2u) << piece;
    EXPECT_EQ(items[0].name, "a");
    EXPECT_EQ(items[0].revision, "5");
    EXPECT_EQ(items[0].version, "3");
    EXPECT_EQ(items[0].payload_bytes, 6u);
    EXPECT_EQ(items[1].name, "b\\\\");
    EXPECT_EQ(items[1].revision, "");
    EXPECT_EQ(items[1].phase, "Ready");
  }
}

TEST(ScannerTest, AListTellsItsOwnRevisionAndTokenAndCountsWithoutAListener) {
  for (std::size_t piece = 1; piece < 40; ++piece) {
    Scanner scanner(Scanner::Shape::List, {});

    for (std::size_t at = 0; at < kList.size(); at += piece) scanner.feed(kList.substr(at, piece));

    EXPECT_EQ(scanner.list_revision(), "77");
    EXPECT_EQ(scanner.continue_token(), "next");
    EXPECT_EQ(scanner.items(), 2u);
    EXPECT_TRUE(scanner.complete());
  }
}

TEST(ScannerTest, AListThatBreaksOffIsNotComplete) {
  bool whole = false, cut = true;

  scan(Scanner::Shape::List, kList, 16, &whole);
  scan(Scanner::Shape::List, kList.substr(0, kList.size() - 1), 16, &cut);

  EXPECT_TRUE(whole);
  EXPECT_FALSE(cut);
}

TEST(ScannerTest, RowsOfATableAreFoundBehindTheirObject) {
  auto items = scan(Scanner::Shape::Table,
                    R"({"kind":"Table","columnDefinitions":[{"name":"Name"}],"rows":[)"
                    R"({"cells":["a",1],"object":{"kind":"P","metadata":{"name":"a"}}},)"
                    R"({"cells":["b",{}],"object":{"metadata":{"name":"b"}}}]})",
                    7);

  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[0].name, "a");
  EXPECT_EQ(items[1].name, "b");
}

TEST(ScannerTest, EventsOfAWatchComeOneByOne) {
  auto items = scan(Scanner::Shape::Watch,
                    "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\","
                    "\"resourceVersion\":\"9\"}}}\n"
                    "{\"object\":{\"metadata\":{\"name\":\"b\"}},\"type\":\"DELETED\"}\n",
                    3);

  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[0].type, "ADDED");
  EXPECT_EQ(items[0].revision, "9");
  EXPECT_EQ(items[1].type, "DELETED");
  EXPECT_EQ(items[1].name, "b");
}

TEST(ScannerTest, BracesThatCloseNothingAreHarmless) {
  EXPECT_TRUE(scan(Scanner::Shape::List, "}}]]{\"a\":1}", 1).empty());
}

TEST(ScannerTest, TextOfAMemberIsFound) {
  EXPECT_EQ(find_text(R"({"a":1,"name":"x","b":"name"})", "name"), "x");
  EXPECT_EQ(find_text(R"({"a":1})", "name"), "");
  EXPECT_EQ(find_text(R"({"name":"cut)", "name"), "");
}

}  // namespace
}  // namespace bench
