#include "cache/sequence.h"

#include <gtest/gtest.h>

#include "cache/table.h"

namespace cache {
namespace {

class SequenceTest : public testing::Test {
 protected:
  void put(const std::string& cluster, const std::string& ns, int number,
           const std::string& labels = "") {
    std::string name = "m" + std::to_string(1000 + number);
    std::string json = R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":")" + name +
                       R"(","labels":{)" + labels + "}}}";
    ItemPtr item = Item::make({cluster, ns, name}, json, ++revision_);
    Change change{item->key(), item, revision_};
    table_.apply({&change, 1});
    seen_ = revision_;
  }
  void put_many(int count) {
    for (int i = 0; i < count; ++i) {
      put("c1", "n1", i, i % 40 == 0 ? R"("kind":"rare")" : "");
      put("c1", "n2", i);
      put("c2", "n1", i);
    }
  }
  static std::vector<ItemPtr> read(Sequence sequence) {
    std::vector<ItemPtr> items;
    while (const ItemPtr* item = sequence.next()) items.push_back(*item);
    return items;
  }

  std::uint64_t revision_ = 0;
  SeenRevision seen_ = 0;
  RingRoom room_;
  MemoryTable table_{1000, room_, seen_};
};

TEST_F(SequenceTest, HasWhatAListHas) {
  EXPECT_TRUE(read(table_.sequence({}, {})).empty());
  put_many(500);

  for (const Filter& filter :
       {Filter{}, Filter{.cluster = "c1"}, Filter{.cluster = "c1", .ns = "n2"},
        Filter{.cluster = "c3"}, Filter{.cluster = "c1", .ns = "n1", .name = "m1007"},
        Filter{.labels = *object::LabelSelector::parse("kind=rare")},
        Filter{.labels = *object::LabelSelector::parse("kind=none")},
        Filter{.matches = [](const Item& item) { return item.name().ends_with("3"); }}}) {
    Snapshot list = table_.list(filter, 0, {});
    Sequence sequence = table_.sequence(filter, {});
    EXPECT_EQ(sequence.revision(), list.revision);
    EXPECT_EQ(read(std::move(sequence)), list.items);
    Key from{"c1", "n2", "m1100"};
    EXPECT_EQ(read(table_.sequence(filter, from)), table_.list(filter, 0, from).items);
  }
}

TEST_F(SequenceTest, StaysAsItWasTaken) {
  put_many(300);
  std::vector<ItemPtr> before = table_.list({}, 0, {}).items;
  Sequence sequence = table_.sequence({}, {});
  std::vector<ItemPtr> first;
  for (int i = 0; i < 100; ++i) first.push_back(*sequence.next());

  put_many(400);
  Sequence moved = std::move(sequence);

  std::vector<ItemPtr> rest = read(std::move(moved));
  first.insert(first.end(), rest.begin(), rest.end());
  EXPECT_EQ(first, before);
}

TEST_F(SequenceTest, MayBeMadeOfObjectsThatAreThere) {
  put_many(3);
  std::vector<ItemPtr> items = table_.list({}, 0, {}).items;
  Sequence sequence(items, 7);
  EXPECT_EQ(sequence.revision(), 7u);
  EXPECT_EQ(read(std::move(sequence)), items);
  EXPECT_TRUE(read(Sequence({}, 7)).empty());
}

}  // namespace
}  // namespace cache
