#include "cache/past.h"

#include <gtest/gtest.h>

#include "base/manual_loop.h"
#include "storage/memory.h"

namespace cache {
namespace {

const TableId kMaps{"", "configmaps", ""};

// A cache whose rings hold nothing once they are trimmed.
class PastTest : public testing::Test {
 protected:
  void TearDown() override {
    store_.reset();
    cache_.reset();
  }

  std::uint64_t write(const TableId& table, const Key& key, const std::string& labels,
                      bool present = true) {
    std::string text = R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":")" + key.name +
                       R"(","namespace":")" + key.ns + R"(","labels":{)" + labels + "}}}";
    std::optional<Bytes> value;
    if (present) value = Bytes(text);
    storage::Transaction transaction;
    transaction.writes.push_back({storage_key(table, key), value});
    return storage::number(run(loop_, store_->commit(std::move(transaction))).revision);
  }
  std::uint64_t put(const Key& key, const std::string& labels = "") {
    return write(kMaps, key, labels);
  }
  std::uint64_t erase(const Key& key) { return write(kMaps, key, "", false); }

  // "+a" added, "~a" modified, "-a" deleted, with revisions.
  std::string read(Filter filter, std::uint64_t since) {
    Past past = run(loop_, read_past(*store_, kMaps, std::move(filter), since));
    std::string text;
    for (const EventPtr& event : past.events) {
      text += "+~-"[static_cast<int>(event->type)] + std::string(event->item->name()) + " ";
      EXPECT_EQ(event->item->revision(), event->revision);
      EXPECT_LE(event->revision, past.revision);
    }
    return text;
  }

  ManualLoop loop_;
  std::unique_ptr<storage::Store> store_ = std::make_unique<storage::MemoryStore>();
  std::unique_ptr<Cache> cache_ = make_cache(*store_);
};

TEST_F(PastTest, TellsWhatHappenedAndLeadsToTheRing) {
  std::uint64_t start = put({"a", "n", "x"});
  put({"a", "n", "y"});
  put({"a", "n", "x"});
  std::uint64_t last = erase({"a", "n", "y"});
  cache_->forget_events(last);
  ASSERT_FALSE(cache_->table(kMaps).watch({.cluster = "a"}, start));

  EXPECT_EQ(read({.cluster = "a"}, start), "+y ~x -y ");

  Past past = run(loop_, read_past(*store_, kMaps, {.cluster = "a"}, start));
  auto watcher = cache_->table(kMaps).watch({.cluster = "a"}, past.revision);
  ASSERT_TRUE(watcher);
  put({"a", "n", "z"});
  auto batch = run(loop_, (*watcher)->next(0s));
  ASSERT_EQ(batch.events.size(), 1u);
  EXPECT_EQ(batch.events[0]->item->name(), "z");
}

TEST_F(PastTest, ShowsNothingOfOtherClustersAndTables) {
  std::uint64_t start = put({"a", "n", "x"});
  put({"b", "n", "secret"});
  write({"", "secrets", ""}, {"a", "n", "secret"}, "");
  write({"", "configmaps", "identity"}, {"a", "n", "secret"}, "");
  put({"a", "n", "y"});
  EXPECT_EQ(read({.cluster = "a"}, start), "+y ");
  EXPECT_EQ(read({}, start), "+secret +y ");
}

TEST_F(PastTest, ObjectsThatEnterAndLeaveAFilterAreAddedAndDeleted) {
  object::LabelSelector labels = value_or_throw(object::LabelSelector::parse("app=web"));
  std::uint64_t start = put({"a", "n", "x"});
  put({"a", "n", "x"}, R"("app":"web")");
  put({"a", "n", "x"}, R"("app":"db")");
  put({"a", "n", "other"}, R"("app":"db")");
  EXPECT_EQ(read({.cluster = "a", .labels = labels}, start), "+x -x ");
}

TEST_F(PastTest, EndsWithHistory) {
  std::uint64_t start = put({"a", "n", "x"});
  put({"a", "n", "y"});
  run(loop_, store_->compact(store_->newest()));
  EXPECT_THROW(read({.cluster = "a"}, start), Error);
}

}  // namespace
}  // namespace cache
