#include "bench/stream.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace bench {
namespace {

ScannedItem event(std::string name, std::string revision) {
  ScannedItem item;
  item.type = "ADDED";
  item.name = std::move(name);
  item.revision = std::move(revision);
  return item;
}

TEST(EventBookTest, EveryObjectOnceInOrderIsFull) {
  EventBook book("e", 3);
  book.begin_at(10);

  EXPECT_EQ(book.enter(event("e1", "11")), 1u);
  EXPECT_EQ(book.enter(event("e0", "15")), 0u);
  EXPECT_FALSE(book.is_full());
  EXPECT_EQ(book.enter(event("e2", "16")), 2u);

  EXPECT_TRUE(book.is_full());
  EXPECT_EQ(book.last_revision(), 16u);
}

TEST(EventBookTest, ARevisionThatDoesNotRiseIsRefused) {
  EventBook book("e", 3);
  book.begin_at(10);
  book.enter(event("e0", "12"));

  EXPECT_THROW(book.enter(event("e1", "12")), Error);
  EXPECT_THROW(book.enter(event("e1", "11")), Error);
  EXPECT_THROW(book.enter(event("e1", "")), Error);
}

TEST(EventBookTest, ASecondEventOfAnObjectIsRefused) {
  EventBook book("e", 3);
  book.enter(event("e0", "1"));

  EXPECT_THROW(book.enter(event("e0", "2")), Error);
  EXPECT_EQ(book.count(), 1u);
}

TEST(EventBookTest, AnObjectThatNobodyWroteIsRefused) {
  EventBook book("e", 3);

  EXPECT_THROW(book.enter(event("e3", "1")), Error);
  EXPECT_THROW(book.enter(event("other", "2")), Error);
  EXPECT_THROW(book.enter(event("e", "3")), Error);
}

}  // namespace
}  // namespace bench
