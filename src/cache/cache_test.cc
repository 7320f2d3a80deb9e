#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "base/manual_loop.h"
#include "base/random.h"
#include "base/scope.h"
#include "base/strings.h"
#include "cache/keys.h"
#include "storage/memory.h"
#include "storage/rocksdb.h"

namespace cache {
namespace {

const TableId kMaps{"", "configmaps", ""};

std::string text_of(const Key& key, const std::string& labels) {
  return R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":")" + key.name +
         R"(","namespace":")" + key.ns + R"(","labels":{)" + labels + "}}}";
}

// What a watcher was told: "+a" added, "~a" modified, "-a" deleted.
std::string told(const Watcher::Batch& batch) {
  std::string text;
  for (const Event* event : batch.events) {
    text += "+~-"[static_cast<int>(event->type)] + std::string(event->item->name()) + " ";
  }
  return batch.expired ? "expired" : text;
}

// A cache over a store, with ConfigMaps written past every rule.
class CacheTest : public testing::Test {
 protected:
  void open(Options options = {}) {
    cache_.reset();
    if (!store_) store_ = std::make_unique<storage::MemoryStore>();
    cache_ = make_cache(*store_, options);
  }
  void TearDown() override {
    store_.reset();
    cache_.reset();
  }

  std::uint64_t put(const Key& key, const std::string& labels = "") {
    return write({{storage_key(kMaps, key), Bytes(text_of(key, labels))}});
  }
  std::uint64_t erase(const Key& key) { return write({{storage_key(kMaps, key), std::nullopt}}); }
  std::uint64_t write(std::vector<storage::Write> writes) {
    return storage::number(run(loop_, store_->commit({{}, std::move(writes)})).revision);
  }
  Table& maps() { return cache_->table(kMaps); }

  std::string names(const Snapshot& snapshot) {
    std::string text;
    for (const ItemPtr& item : snapshot.items)
      text += std::string(item->cluster()) + "/" + std::string(item->name()) + " ";
    return text;
  }
  // Everything the watcher has now.
  std::string read(Watcher& watcher) { return told(run(loop_, watcher.next(0s))); }

  ManualLoop loop_;
  std::unique_ptr<storage::Store> store_;
  std::unique_ptr<Cache> cache_;
};

TEST_F(CacheTest, ATransactionIsSeenAsAWhole) {
  open();
  std::unique_ptr<Watcher> watcher;
  std::string seen, listed;
  cache_->listen(kMaps, [&](const Event&) {
    ManualLoop loop;
    auto batch = run(loop, watcher->next(0s));
    for (const Event* event : batch.events) seen += event->item->name();
    listed += names(maps().list({})) + "; ";
  });
  watcher = value_or_throw(maps().watch({}, cache_->revision()));
  std::vector<storage::Write> writes;
  for (const char* name : {"a", "b"}) {
    Key key{"root", "default", name};
    writes.push_back({storage_key(kMaps, key), Bytes(text_of(key, ""))});
  }
  write(std::move(writes));
  EXPECT_EQ(seen, "ab");
  EXPECT_EQ(listed, "root/a root/b ; root/a root/b ; ");
}

TEST(StorageKey, RoundTripsWithAndWithoutNamespaceAndIdentity) {
  for (const TableId& table : {kMaps, TableId{"apps", "deployments", "id"}}) {
    for (const Key& key : {Key{"root", "default", "a"}, Key{"root", "", "a"}}) {
      std::string text = storage_key(table, key);
      auto back = split_storage_key(text);
      ASSERT_TRUE(back);
      EXPECT_EQ(parse_table(back->table), table);
      EXPECT_EQ(back->key, KeyView(key));
    }
  }
  for (auto text : {"", "/", "/a/b/c", "a/b/c/d/e", "/a/b/c/d/", "/a/b/c/d/e/f"}) {
    EXPECT_FALSE(split_storage_key(text)) << text;
  }
}

TEST_F(CacheTest, ServesWhatWasLoadedAndWhatIsWritten) {
  store_ = std::make_unique<storage::MemoryStore>();
  auto first = put({"c1", "n", "a"});
  open();
  auto second = put({"c1", "n", "b"});

  auto a = maps().find({"c1", "n", "a"});
  ASSERT_TRUE(a);
  EXPECT_EQ(a->revision(), first);
  EXPECT_NE(a->json().view().find("\"resourceVersion\":\"" + std::to_string(first) + "\""),
            std::string_view::npos);
  EXPECT_TRUE(maps().find({"c1", "n", "b"}));
  EXPECT_FALSE(maps().find({"c2", "n", "a"}));
  EXPECT_EQ(cache_->revision(), second);
}

// Gives the cache what the store has at `revision`, as a store does that cannot tell what happened.
void reload(Cache& cache, const std::vector<std::pair<Key, std::uint64_t>>& objects,
            std::uint64_t revision) {
  auto reload = dynamic_cast<storage::Observer&>(cache).reload();
  for (const auto& [key, modified] : objects) {
    std::string storage_key_ = storage_key(kMaps, key), text = text_of(key, "");
    reload->add({storage_key_, text, storage::Revision{1}, storage::Revision{modified}});
  }
  reload->finish(storage::Revision{revision});
}

TEST_F(CacheTest, AReloadTellsListenersWhatHasChangedOnTheWhole) {
  open();
  auto same = put({"c1", "n", "same"}), changed = put({"c1", "n", "changed"});
  put({"c1", "n", "gone"});
  put({"c2", "n", "gone"});
  std::string seen;
  cache_->listen(kMaps, [&](const Event& event) {
    seen += "+~-"[static_cast<int>(event.type)] + std::string(event.item->name()) + "@" +
            std::to_string(event.revision) + " ";
  });
  seen.clear();
  auto untouched = maps().find({"c1", "n", "same"});

  reload(*cache_,
         {{{"c1", "n", "changed"}, 900}, {{"c1", "n", "new"}, 901}, {{"c1", "n", "same"}, same}},
         1000);

  EXPECT_NE(changed, 900u);
  EXPECT_EQ(seen, "~changed@900 +new@901 -gone@1000 -gone@1000 ");
  EXPECT_EQ(names(maps().list({})), "c1/changed c1/new c1/same ");
  EXPECT_EQ(maps().find({"c1", "n", "changed"})->revision(), 900u);
  EXPECT_EQ(maps().find({"c1", "n", "same"}), untouched);
  EXPECT_EQ(cache_->revision(), 1000u);
}

TEST_F(CacheTest, AReloadEndsAllWatchesAndLaterOnesGoOn) {
  open();
  auto same = put({"c1", "n", "same"});
  auto quiet = value_or_throw(maps().watch({.cluster = "c1"}, same));
  auto waiting = value_or_throw(maps().watch({}, same));
  bool ended = false;
  Scope scope(loop_);
  struct Wait {
    static Task<> run(Watcher& watcher, bool* ended) {
      *ended = (co_await watcher.next(1h)).expired;
    }
  };
  scope.spawn("watch", Wait::run(*waiting, &ended));
  loop_.run_until_idle();

  reload(*cache_, {{{"c1", "n", "same"}, same}}, 1000);

  EXPECT_EQ(read(*quiet), "expired");
  EXPECT_TRUE(loop_.run_until([&] { return scope.size() == 0; }));
  EXPECT_TRUE(ended);
  EXPECT_FALSE(maps().watch({}, 999));
  EXPECT_FALSE(cache_->table({"", "others", ""}).watch({}, 999));
  EXPECT_TRUE(maps().watch({}, 1000));
}

TEST_F(CacheTest, AReloadThatIsGivenUpChangesNothing) {
  open();
  auto revision = put({"c1", "n", "a"});
  auto watcher = value_or_throw(maps().watch({}, revision));

  dynamic_cast<storage::Observer&>(*cache_).reload().reset();

  EXPECT_TRUE(maps().find({"c1", "n", "a"}));
  EXPECT_EQ(read(*watcher), "");
}

TEST_F(CacheTest, EventsThatAreHeldBackComeInOrderAtTheStart) {
  store_ = std::make_unique<storage::MemoryStore>();
  cache_ = make_cache(*store_, {.hold = true});
  put({"c1", "n", "a"});
  put({"c1", "n", "b"});
  EXPECT_FALSE(maps().find({"c1", "n", "a"}));
  std::string seen;
  cache_->listen(kMaps, [&seen](const Event& event) { seen += event.item->name(); });

  cache_->start();
  put({"c1", "n", "c"});

  EXPECT_EQ(seen, "abc");
  EXPECT_EQ(names(maps().list({})), "c1/a c1/b c1/c ");
}

TEST_F(CacheTest, ListsOneClusterOrAllInKeyOrderAndPages) {
  open();
  for (auto cluster : {"c2", "c1", "c10"}) {
    for (auto name : {"b", "a"}) put({cluster, "n", name}, R"("k":"v")");
  }
  EXPECT_EQ(names(maps().list({.cluster = "c1"})), "c1/a c1/b ");
  EXPECT_EQ(names(maps().list({})), "c1/a c1/b c10/a c10/b c2/a c2/b ");
  EXPECT_EQ(names(maps().list({.cluster = "c1", .ns = "other"})), "");
  EXPECT_EQ(names(maps().list({.cluster = "c1", .labels = *object::LabelSelector::parse("k=x")})),
            "");

  auto page = maps().list({}, 4);
  EXPECT_EQ(names(page), "c1/a c1/b c10/a c10/b ");
  EXPECT_EQ(page.remaining, 2u);
  EXPECT_EQ(names(maps().list({}, 4, page.next)), "c2/a c2/b ");
}

TEST_F(CacheTest, WatchersSeeTheirClusterOnlyInOrder) {
  open();
  auto start = put({"c1", "n", "a"});
  auto one = *maps().watch({.cluster = "c1"}, start);
  auto all = *maps().watch({}, start);
  put({"c1", "n", "b"});
  put({"c2", "n", "x"});
  put({"c1", "n", "b"});
  erase({"c1", "n", "a"});

  EXPECT_EQ(read(*one), "+b ~b -a ");
  EXPECT_EQ(read(*all), "+b +x ~b -a ");
  EXPECT_EQ(read(*one), "");
}

TEST_F(CacheTest, ObjectsThatEnterAndLeaveAFilterAreAddedAndDeleted) {
  open();
  auto start = put({"c1", "n", "a"});
  auto watcher = *maps().watch({.labels = *object::LabelSelector::parse("k=v")}, start);
  put({"c1", "n", "a"}, R"("k":"v")");
  put({"c1", "n", "a"}, R"("k":"v","more":"")");
  auto left = put({"c1", "n", "a"});
  put({"c1", "n", "a"}, R"("more":"")");

  auto batch = run(loop_, watcher->next(0s));
  ASSERT_EQ(batch.events.size(), 3u);
  EXPECT_EQ(batch.events[0]->type, Event::Type::Added);
  EXPECT_EQ(batch.events[1]->type, Event::Type::Modified);
  EXPECT_EQ(batch.events[2]->type, Event::Type::Deleted);
  EXPECT_EQ(batch.events[2]->item->revision(), left);
  EXPECT_NE(
      batch.events[2]->item->json().view().find("\"resourceVersion\":\"" + std::to_string(left)),
      std::string_view::npos);
}

TEST_F(CacheTest, AWaitingWatcherIsWokenByItsClusterOnly) {
  open();
  auto watcher = *maps().watch({.cluster = "c1"}, cache_->revision());
  int wakes = 0;
  Scope scope(loop_);
  auto wait = [](Watcher& w, int* count) -> Task<> {
    auto batch = co_await w.next(1h);
    if (!batch.events.empty()) ++*count;
  };
  scope.spawn("wait", wait(*watcher, &wakes));
  loop_.run_until_idle();
  put({"c2", "n", "x"});
  loop_.run_until_idle();
  EXPECT_EQ(wakes, 0);
  put({"c1", "n", "a"});
  loop_.run_until_idle();
  EXPECT_EQ(wakes, 1);
}

TEST_F(CacheTest, PatienceEndsWithAnEmptyBatchThatCarriesARevision) {
  open();
  auto watcher = *maps().watch({.cluster = "c1"}, cache_->revision());
  auto newest = put({"c2", "n", "x"});
  std::uint64_t told = 0;
  Scope scope(loop_);
  auto wait = [](Watcher& w, std::uint64_t* revision) -> Task<> {
    *revision = (co_await w.next(60s)).revision;
  };
  scope.spawn("wait", wait(*watcher, &told));
  loop_.advance(61s);
  EXPECT_EQ(told, newest);
}

TEST_F(CacheTest, SlowWatchersExpireButQuietOnesDoNot) {
  open({.ring_events = 10});
  auto start = put({"c1", "n", "a"});
  auto slow = *maps().watch({.cluster = "c1"}, start);
  auto quiet = *maps().watch({.cluster = "c3"}, start);
  std::string got;
  Scope scope(loop_);
  auto wait = [](CacheTest*, Watcher& w, std::string* out) -> Task<> {
    auto batch = co_await w.next(1h);
    *out = batch.expired ? "expired" : std::to_string(batch.events.size());
  };
  scope.spawn("wait", wait(this, *quiet, &got));
  loop_.run_until_idle();
  for (int i = 0; i < 50; ++i) put({"c1", "n", "a"});
  EXPECT_EQ(read(*slow), "expired");
  EXPECT_EQ(maps().watch({}, start).error().reason(), Reason::Expired);
  put({"c3", "n", "a"});
  loop_.run_until_idle();
  EXPECT_EQ(got, "1");
}

TEST_F(CacheTest, AQuietWatcherOutlivesForgottenEvents) {
  open();
  auto start = put({"c1", "n", "a"});
  auto quiet = *maps().watch({.cluster = "c3"}, start);
  std::string got;
  Scope scope(loop_);
  auto wait = [](Watcher& w, std::string* out) -> Task<> {
    auto batch = co_await w.next(60s);
    *out = batch.expired ? "expired" : std::to_string(batch.revision);
  };
  scope.spawn("wait", wait(*quiet, &got));
  loop_.run_until_idle();
  auto last = put({"c1", "n", "a"});

  cache_->forget_events(last);
  loop_.advance(61s);
  loop_.run_until_idle();

  EXPECT_EQ(got, std::to_string(last));
  put({"c3", "n", "a"});
  EXPECT_EQ(read(*quiet), "+a ");
}

TEST_F(CacheTest, ListenersAreNeverBehindAnAcknowledgedWrite) {
  store_ = std::make_unique<storage::MemoryStore>();
  put({"c1", "n", "a"});
  open();
  std::string seen;
  cache_->listen(kMaps, [&](const Event& event) { seen += event.item->name(); });
  put({"c1", "n", "b"});
  EXPECT_EQ(seen, "ab");
}

TEST_F(CacheTest, KeysOfAClusterCoverAllTables) {
  open();
  put({"c1", "n", "a"});
  write({{storage_key({"apps", "deployments", ""}, {"c1", "n", "d"}),
          Bytes(text_of({"c1", "n", "d"}, ""))}});
  put({"c2", "n", "a"});
  EXPECT_EQ(cache_->keys_of_cluster("c1", 10),
            (std::vector<std::string>{"/c1/core/configmaps/n/a", "/c1/apps/deployments/n/d"}));
  EXPECT_EQ(cache_->keys_of_cluster("c1", 1).size(), 1u);
}

TEST_F(CacheTest, WaitingForARevisionEndsWhenItIsSeenOrWithATimeout) {
  open();
  auto next = cache_->revision() + 1;
  std::string outcome;
  Scope scope(loop_);
  auto wait = [](Cache& cache, std::uint64_t revision, std::string* out) -> Task<> {
    try {
      co_await cache.wait_until(revision);
      *out += "seen ";
    } catch (const Error& error) {
      *out += error.message();
    }
  };
  scope.spawn("wait", wait(*cache_, next, &outcome));
  loop_.run_until_idle();
  put({"c1", "n", "a"});
  loop_.run_until_idle();
  scope.spawn("wait", wait(*cache_, next + 5, &outcome));
  loop_.advance(4s);
  EXPECT_EQ(outcome, "seen Too large resource version: " + std::to_string(next + 5) +
                         ", current: " + std::to_string(next));
}

TEST_F(CacheTest, WatchesResumeAcrossARestart) {
  std::string directory =
      std::filesystem::temp_directory_path() / ("cache-" + hex_encode(random_bytes(8)));
  store_ = storage::open_rocksdb({directory});
  open();
  auto start = put({"c1", "n", "a"});
  put({"c1", "n", "a"});
  erase({"c1", "n", "a"});
  put({"c1", "n", "b"});
  store_.reset();
  store_ = storage::open_rocksdb({directory});
  open();

  auto watcher = *maps().watch({.cluster = "c1"}, start);
  EXPECT_EQ(read(*watcher), "~a -a +b ");
  store_.reset();
  std::filesystem::remove_all(directory);
}

TEST_F(CacheTest, LargeTransactionsComeBackWholeAfterARestart) {
  std::string directory =
      std::filesystem::temp_directory_path() / ("cache-" + hex_encode(random_bytes(8)));
  store_ = storage::open_rocksdb({directory});
  open();
  auto start = put({"c1", "n", "first"});
  put({"c1", "n", "second"});
  std::vector<storage::Write> many;
  for (int i = 0; i < 2500; ++i) {
    Key key{"c1", "n", "m" + std::to_string(i)};
    many.push_back({storage_key(kMaps, key), Bytes(text_of(key, ""))});
  }
  write(std::move(many));
  auto last = put({"c1", "n", "last"});
  store_.reset();
  store_ = storage::open_rocksdb({directory});
  open();

  auto watcher = *maps().watch({.cluster = "c1"}, start);
  std::size_t events = 0;
  std::uint64_t seen = start;
  while (seen < last) {
    auto batch = run(loop_, watcher->next(0s));
    ASSERT_FALSE(batch.expired);
    events += batch.events.size();
    seen = batch.revision;
  }
  EXPECT_EQ(events, 2502U);
  store_.reset();
  std::filesystem::remove_all(directory);
}

TEST_F(CacheTest, AWatchGoesOnBehindAnyWriteOfATransactionAlsoAfterARestart) {
  std::string directory =
      std::filesystem::temp_directory_path() / ("cache-" + hex_encode(random_bytes(8)));
  store_ = storage::open_rocksdb({directory});
  open();
  std::vector<storage::Write> writes;
  for (const char* name : {"a", "b", "c"}) {
    Key key{"c1", "n", name};
    put(key);
    writes.push_back({storage_key(kMaps, key), std::nullopt});
  }
  std::uint64_t start = cache_->revision();
  write(std::move(writes));
  for (bool restarted : {false, true}) {
    if (restarted) {
      store_.reset();
      store_ = storage::open_rocksdb({directory});
      open();
    }

    auto whole = *maps().watch({.cluster = "c1"}, start);
    auto batch = run(loop_, whole->next(0s));

    ASSERT_EQ(batch.events.size(), 3u);
    EXPECT_EQ(batch.revision, cache_->revision());
    std::string rest[] = {"-b -c ", "-c ", ""};
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(batch.events[i]->item->revision(), start + 1 + i);
      EXPECT_EQ(batch.events[i]->revision, start + 1 + i);
      EXPECT_EQ(read(**maps().watch({.cluster = "c1"}, start + 1 + i)), rest[i]);
    }
  }
  store_.reset();
  std::filesystem::remove_all(directory);
}

// What one of a crowd has been told, and the last batch, which it keeps.
struct Told {
  Filter filter;
  std::unique_ptr<Watcher> watcher;
  std::string text;
  Watcher::Batch last;
};

Task<> be_told(Told* one) {
  while (!one->last.expired) {
    auto batch = co_await one->watcher->next(1h);
    one->text = batch.expired ? "expired" : one->text + told(batch);
    one->last = std::move(batch);
  }
}

TEST_F(CacheTest, ManyWhoGoOnTogetherAreToldWhatEachWouldBeToldAlone) {
  open();
  auto start = put({"c1", "n", "a"}, R"("k":"v")");
  std::vector<Filter> filters = {{},
                                 {.cluster = "c1"},
                                 {.cluster = "c2", .ns = "n"},
                                 {.cluster = "c3"},
                                 {.labels = *object::LabelSelector::parse("k=v")},
                                 {.cluster = "c1", .name = "b"}};
  std::vector<Told> crowd;
  for (int i = 0; i < 60; ++i) {
    const Filter& filter = filters[static_cast<std::size_t>(i) % filters.size()];
    crowd.push_back({filter, *maps().watch(filter, start), "", {}});
  }
  Scope scope(loop_);
  for (Told& one : crowd) scope.spawn("watch", be_told(&one));
  loop_.run_until_idle();

  for (int round = 0; round < 3; ++round) {
    std::vector<storage::Write> writes;
    for (const char* cluster : {"c1", "c2", "c1", "c9"}) {
      std::string labels = writes.size() % 2 == 0 ? R"("k":"v")" : "";
      for (Key key : {Key{cluster, "n", "a"}, Key{cluster, "m", "b" + std::to_string(round)}}) {
        writes.push_back({storage_key(kMaps, key), Bytes(text_of(key, labels))});
      }
    }
    write(std::move(writes));
    erase({"c1", "n", "a"});
    loop_.run_until_idle();
    for (const Told& one : crowd) {
      EXPECT_EQ(one.text, read(**maps().watch(one.filter, start)));
      bool woken = one.filter.cluster.empty() || one.filter.cluster == "c1";  // by the last write
      if (woken) EXPECT_EQ(one.last.revision, cache_->revision());
    }
  }
  for (const Told& one : crowd) {  // a batch keeps its events
    for (const Event* event : one.last.events) EXPECT_TRUE(one.text.contains(event->item->name()));
  }
  scope.cancel();
  loop_.run_until_idle();
}

TEST_F(CacheTest, ManyWhoWaitTogetherExpireTogether) {
  open({.ring_events = 10});
  auto start = put({"c1", "n", "a"});
  std::vector<Told> crowd;
  for (int i = 0; i < 20; ++i) crowd.push_back({{}, *maps().watch({}, start), "", {}});
  Scope scope(loop_);
  for (Told& one : crowd) scope.spawn("watch", be_told(&one));
  loop_.run_until_idle();
  std::vector<storage::Write> writes;
  for (int i = 0; i < 50; ++i) {
    Key key{"c1", "n", "b" + std::to_string(i)};
    writes.push_back({storage_key(kMaps, key), Bytes(text_of(key, ""))});
  }

  write(std::move(writes));
  loop_.run_until_idle();

  for (const Told& one : crowd) EXPECT_EQ(one.text, "expired");
}

TEST_F(CacheTest, ManyThreadsReadWhileOneWrites) {
  open({.ring_events = 1000});
  auto start = cache_->revision();
  std::atomic<bool> stop = false;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      ManualLoop loop;
      auto watcher = *maps().watch({}, start);
      std::size_t events = 0;
      while (events < 300) events += run(loop, watcher->next(0s)).events.size();
      while (!stop) maps().list({.cluster = "c1"}, 10);
    });
  }
  for (int i = 0; i < 300; ++i) put({"c1", "n", "a" + std::to_string(i % 7)});
  stop = true;
  for (auto& reader : readers) reader.join();
}

}  // namespace
}  // namespace cache
