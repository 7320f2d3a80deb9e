#include "cache/table.h"

#include <gtest/gtest.h>

namespace cache {
namespace {

// An event of `bytes` bytes.
EventPtr event_at(std::uint64_t revision, std::size_t bytes) {
  std::string json = R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"map"},"data":")";
  auto event = std::make_shared<Event>();
  event->item =
      Item::make({"a", "default", "map"}, json + std::string(bytes, 'x') + "\"}", revision);
  event->revision = revision;
  return event;
}

class RingTest : public testing::Test {
 protected:
  void fill(MemoryTable& table, std::size_t bytes) {
    for (int i = 0; i < 20; ++i) table.append_event(event_at(++revision_, bytes));
  }
  std::uint64_t revision_ = 0;
  SeenRevision seen_ = 0;
  RingRoom room_{.in_all = 100'000, .per_table = 50'000, .least = 10'000};
};

TEST_F(RingTest, LargeEventsPushOldOnesOutBeforeTheirNumberDoes) {
  MemoryTable table(1000, room_, seen_);

  fill(table, 5000);

  EXPECT_LE(room_.used, room_.per_table);
  EXPECT_FALSE(table.watch({}, 1));
  EXPECT_TRUE(table.watch({}, revision_ - 1));
}

TEST_F(RingTest, ManyTablesTogetherHoldNoMoreThanTheirRoom) {
  std::vector<std::unique_ptr<MemoryTable>> tables;
  for (int i = 0; i < 6; ++i) {
    tables.push_back(std::make_unique<MemoryTable>(1000, room_, seen_));
    fill(*tables.back(), 2000);
  }

  EXPECT_LE(room_.used, room_.in_all + tables.size() * room_.least);
  EXPECT_TRUE(tables.back()->watch({}, revision_ - 1));
}

TEST_F(RingTest, ForgottenEventsGiveTheirRoomBackAndCannotBeWatchedFrom) {
  MemoryTable table(1000, room_, seen_);
  fill(table, 1000);
  std::size_t before = room_.used;

  table.forget_events(revision_ - 5);

  EXPECT_LT(room_.used, before / 2);
  EXPECT_FALSE(table.watch({}, revision_ - 6));
  EXPECT_TRUE(table.watch({}, revision_ - 5));
  table.forget_events(revision_ + 100);
  EXPECT_EQ(room_.used, 0u);
  EXPECT_TRUE(table.watch({}, revision_));
}

TEST_F(RingTest, TrimmingStopsAtTheRoomThatIsLeftAndAtTheRevision) {
  MemoryTable table(1000, room_, seen_);
  fill(table, 1000);
  std::size_t before = room_.used;

  table.trim_events(revision_, before / 2);
  EXPECT_LE(room_.used, before / 2);
  EXPECT_GT(room_.used, before / 3);
  EXPECT_TRUE(table.watch({}, revision_ - 5));

  table.trim_events(revision_ - 2, 0);
  EXPECT_TRUE(table.watch({}, revision_ - 2));
  EXPECT_FALSE(table.watch({}, revision_ - 3));
}

TEST_F(RingTest, TheNewestEventIsThereHoweverLargeItIs) {
  MemoryTable table(1000, room_, seen_);

  table.append_event(event_at(++revision_, 500));
  table.append_event(event_at(++revision_, 500'000));

  EXPECT_TRUE(table.watch({}, 1));
  EXPECT_FALSE(table.watch({}, 0));
}

}  // namespace
}  // namespace cache
