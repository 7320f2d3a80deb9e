#include "storage/store_contract.h"

#include <fmt/format.h>

#include <filesystem>
#include <set>

#include "base/random.h"
#include "base/scope.h"
#include "base/strings.h"
#include "storage/memory.h"
#include "storage/rocksdb.h"
#include "storage/rocksdb_format.h"
#include "storage/rocksdb_testing.h"

namespace storage {

void StoreContract::SetUp() {
  directory_ = std::filesystem::temp_directory_path() / ("store-" + hex_encode(random_bytes(8)));
  store_ = GetParam().open(directory_);
}

void StoreContract::TearDown() {
  store_.reset();
  std::filesystem::remove_all(directory_);
}

CommitResult StoreContract::commit(Transaction transaction) {
  return run(loop_, store_->commit(std::move(transaction)));
}

Revision StoreContract::put(const std::string& key, const std::string& value) {
  auto result = commit({{}, {{key, Bytes(value)}}});
  EXPECT_TRUE(result.committed);
  EXPECT_LE(result.first, result.revision);
  return result.first;
}

Revision StoreContract::erase(const std::string& key) {
  return commit({{}, {{key, std::nullopt}}}).first;
}

std::string StoreContract::read(const std::string& key) {
  auto record = run(loop_, store_->find(key));
  return record ? std::string(record->value.view()) : "-";
}

void StoreContract::reopen() {
  store_.reset();
  store_ = GetParam().open(directory_);
}

namespace {

std::string keys(const RangeResult& result) {
  std::string text;
  for (const Record& record : result.records)
    text += record.key + "=" + std::string(record.value.view()) + " ";
  return text + (result.more ? "more" : "");
}

struct Recorder final : Observer {
  std::vector<Event> events;
  std::vector<std::size_t> sizes;
  Revision revision{};
  void on_commit(std::span<const Event> seen, Revision at) override {
    events.insert(events.end(), seen.begin(), seen.end());
    if (!seen.empty()) sizes.push_back(seen.size());  // nothing for us up to `revision`: also told
    revision = at;
  }
};

TEST_P(StoreContract, FindsWhatWasWrittenAndForgetsWhatWasDeleted) {
  EXPECT_EQ(read("a"), "-");
  Revision first = put("a", "1");
  Revision second = put("a", "2");
  EXPECT_LT(first, second);
  auto record = run(loop_, store_->find("a"));
  EXPECT_EQ(record->created, first);
  EXPECT_EQ(record->modified, second);
  erase("a");
  EXPECT_EQ(read("a"), "-");
}

TEST_P(StoreContract, ATransactionHappensWhollyOrNotAtAll) {
  Revision at = put("a", "1");
  auto lost = commit({{{"a", at}, {"b", Revision{7}}}, {{"a", Bytes("2")}, {"b", Bytes("2")}}});
  EXPECT_FALSE(lost.committed);
  EXPECT_EQ(lost.failed_compare, 1u);
  EXPECT_EQ(read("a") + read("b"), "1-");

  auto won = commit({{{"a", at}, {"b", Revision{}}}, {{"a", Bytes("2")}, {"b", Bytes("2")}}});
  EXPECT_TRUE(won.committed);
  EXPECT_EQ(read("a") + read("b"), "22");
}

TEST_P(StoreContract, CreateIfAbsentWinsOnce) {
  EXPECT_TRUE(commit({{{"a", Revision{}}}, {{"a", Bytes("1")}}}).committed);
  EXPECT_FALSE(commit({{{"a", Revision{}}}, {{"a", Bytes("2")}}}).committed);
  erase("a");
  EXPECT_TRUE(commit({{{"a", Revision{}}}, {{"a", Bytes("3")}}}).committed);
}

TEST_P(StoreContract, DeletingWhatIsAbsentChangesNothing) {
  Revision before = store_->newest();
  auto result = commit({{}, {{"nothing", std::nullopt}}});
  EXPECT_TRUE(result.committed);
  EXPECT_EQ(result.revision, before);
  EXPECT_EQ(store_->newest(), before);
}

TEST_P(StoreContract, EachWriteOfATransactionHasARevisionOfItsOwn) {
  put("c", "1");
  auto made = commit({{}, {{"a", Bytes("1")}, {"b", Bytes("1")}, {"c", std::nullopt}}});
  EXPECT_EQ(store_->newest(), made.revision);
  EXPECT_LE(made.of(2), made.revision);
  auto a = run(loop_, store_->find("a")), b = run(loop_, store_->find("b"));
  EXPECT_EQ(a->modified, made.of(0));
  EXPECT_EQ(b->modified, made.of(1));
  EXPECT_LT(made.of(0), made.of(1));
  for (const Record& record : run(loop_, store_->range({"", "", {}, 0})).records) {
    EXPECT_EQ(record.modified, record.key == "a" ? made.of(0) : made.of(1));
  }

  EXPECT_FALSE(commit({{{"b", Revision{}}}, {{"b", Bytes("2")}}}).committed);
  EXPECT_TRUE(commit({{{"b", b->modified}}, {{"b", Bytes("2")}}}).committed);
  EXPECT_FALSE(commit({{{"b", b->modified}}, {{"b", Bytes("3")}}}).committed);
  EXPECT_LE(run(loop_, store_->find("b"))->created, made.of(1));
}

TEST_P(StoreContract, HistoryGoesOnBehindAnyWriteOfATransaction) {
  Revision start = put("c", "1");
  auto many = commit(
      {{}, {{"a", Bytes("1")}, {"b", Bytes("1")}, {"absent", std::nullopt}, {"c", std::nullopt}}});
  Revision last = put("d", "1");

  auto all = run(loop_, store_->history(start, 100));
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[0].revision, many.of(0));
  EXPECT_EQ(all[1].revision, many.of(1));
  EXPECT_GT(all[2].revision, many.of(1));
  EXPECT_LE(all[2].revision, many.revision);
  EXPECT_EQ(all[3].revision, last);
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto rest = run(loop_, store_->history(all[i].revision, 100));
    ASSERT_EQ(rest.size(), all.size() - i - 1);
    for (std::size_t j = 0; j < rest.size(); ++j) EXPECT_EQ(rest[j].key, all[i + j + 1].key);
  }
  EXPECT_EQ(run(loop_, store_->history(many.revision, 100)).size(), 1u);
}

TEST_P(StoreContract, BytesOfAnyKindAreReadAsTheyWereWritten) {
  std::string odd = "\x81\xff", odder("\x80\0", 2);
  commit({{}, {{"a", Bytes(odd)}, {"b", Bytes(odder)}, {"c", Bytes("")}}});
  put("d", odder);
  put("e", "");

  EXPECT_EQ(read("a"), odd);
  EXPECT_EQ(read("b"), odder);
  EXPECT_EQ(read("c"), "");
  EXPECT_EQ(read("d"), odder);
  EXPECT_EQ(read("e"), "");
}

TEST_P(StoreContract, RangesArePagedAndReadableInThePast) {
  for (std::string key : {"a", "b", "c"}) put("k/" + key, "1");
  Revision past = put("z", "1");
  put("k/b", "2");
  erase("k/a");
  put("k/d", "2");

  auto all = [&](Revision revision, std::size_t limit) {
    return keys(run(loop_, store_->range({"k/", prefix_end("k/"), revision, limit})));
  };
  EXPECT_EQ(all({}, 0), "k/b=2 k/c=1 k/d=2 ");
  EXPECT_EQ(all({}, 2), "k/b=2 k/c=1 more");
  EXPECT_EQ(all(past, 0), "k/a=1 k/b=1 k/c=1 ");
  EXPECT_EQ(all(past, 1), "k/a=1 more");
}

TEST_P(StoreContract, ARangeInThePastSaysAtWhichRevisionItIs) {
  auto many = commit({{}, {{"a", Bytes("1")}, {"b", Bytes("1")}, {"c", Bytes("1")}}});
  put("d", "1");

  for (std::size_t i = 0; i < 3; ++i) {
    auto past = run(loop_, store_->range({"", "", many.of(i), 0}));
    EXPECT_GE(past.revision, many.of(i));
    EXPECT_LE(past.revision, many.revision);
    for (const Record& record : past.records) EXPECT_LE(record.modified, past.revision);
    // What history adds to it from there is all that is missing.
    auto later = run(loop_, store_->history(past.revision, 100));
    EXPECT_EQ(past.records.size() + later.size(), 4u);
  }
}

TEST_P(StoreContract, TheObserverSeesEveryEventInOrderATransactionAtATime) {
  put("a", "1");
  Recorder recorder;
  std::string loaded;
  store_->attach([&](std::size_t, const RecordView& record) { loaded += record.key; }, recorder);
  put("a", "2");
  auto both = commit({{}, {{"b", Bytes("x")}, {"a", std::nullopt}}});
  store_.reset();

  EXPECT_EQ(loaded, "a");
  ASSERT_EQ(recorder.events.size(), 3u);
  EXPECT_EQ(recorder.sizes, (std::vector<std::size_t>{1, 2}));
  EXPECT_EQ(recorder.events[0].current->value.view(), "2");
  EXPECT_EQ(recorder.events[1].current->value.view(), "x");
  EXPECT_EQ(recorder.events[1].current->modified, both.of(0));
  EXPECT_FALSE(recorder.events[2].current);
  EXPECT_EQ(recorder.events[1].revision, both.of(0));
  EXPECT_EQ(recorder.events[2].revision, both.of(1));
  EXPECT_EQ(recorder.revision, both.revision);
}

TEST_P(StoreContract, HistoryTellsWhatHappenedAndEndsWithExpired) {
  Revision start = put("a", "1");
  put("a", "2");
  put("b", "1");
  erase("a");
  Revision last = store_->newest();

  auto events = run(loop_, store_->history(start, 100));
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0].current->value.view(), "2");
  EXPECT_EQ(events[0].previous->value.view(), "1");
  EXPECT_EQ(events[1].current->value.view(), "1");
  EXPECT_FALSE(events[2].current);
  EXPECT_EQ(events[2].previous->value.view(), "2");
  EXPECT_EQ(run(loop_, store_->history(start, 1)).size(), 1u);
  auto of_b = run(loop_, store_->history(start, 100, NewestValues::Included,
                                         [](std::string_view key) { return key == "b"; }));
  ASSERT_EQ(of_b.size(), 1u);
  EXPECT_EQ(of_b[0].current->value.view(), "1");

  run(loop_, store_->compact(last));
  EXPECT_EQ(store_->oldest(), last);
  EXPECT_THROW(run(loop_, store_->history(start, 100)), Error);
  EXPECT_THROW(run(loop_, store_->range({"a", "", start, 0})), Error);
  EXPECT_TRUE(run(loop_, store_->history(last, 100)).empty());
}

TEST_P(StoreContract, PagesOfThePastAreCompleteWhateverHappenedSince) {
  for (int i = 0; i < 20; ++i) put(fmt::format("k{:02}", 2 * i), "old");
  Revision then = store_->newest();
  for (int i = 0; i < 20; ++i) put(fmt::format("k{:02}", 2 * i + 1), "new");
  for (int i = 0; i < 20; i += 3) erase(fmt::format("k{:02}", 2 * i));
  put("k08", "new");

  std::string keys, from = "k";
  for (int page = 0; page < 10; ++page) {
    auto found = run(loop_, store_->range({from, "l", then, 3}));
    for (const Record& record : found.records) {
      EXPECT_EQ(record.value.view(), "old") << record.key;
      keys += record.key + " ";
    }
    if (!found.more) break;
    from = found.records.back().key + '\0';
  }
  std::string expected;
  for (int i = 0; i < 20; ++i) expected += fmt::format("k{:02} ", 2 * i);
  EXPECT_EQ(keys, expected);
}

TEST_P(StoreContract, ASnapshotIsOneRevisionWhileWritesGoOn) {
  for (int i = 0; i < 1200; ++i) put(fmt::format("k{:04}", i), "old");
  auto snapshot = run(loop_, store_->snapshot());
  EXPECT_EQ(snapshot->revision(), store_->newest());
  std::vector<Record> records;
  while (true) {
    auto next = run(loop_, snapshot->next(1000));
    if (next.empty()) break;
    EXPECT_LT(next.size(), 1200u);
    records.insert(records.end(), next.begin(), next.end());
    put("k0007", "new");
    erase("k1199");
    put("k2000", "new");
  }
  ASSERT_EQ(records.size(), 1200u);
  for (std::size_t i = 0; i < records.size(); ++i) {
    EXPECT_EQ(records[i].key, fmt::format("k{:04}", i));
    EXPECT_EQ(records[i].value.view(), "old");
    EXPECT_LE(records[i].modified, snapshot->revision());
  }
  snapshot.reset();
}

TEST_P(StoreContract, OversizedTransactionsAreRefused) {
  EXPECT_THROW(put("a", std::string(9 * 1024 * 1024, 'x')), Error);
  EXPECT_EQ(read("a"), "-");
}

TEST_P(StoreContract, ConcurrentWritersLoseNoUpdate) {
  put("n", "0");
  auto increments = [](Store& store) {
    ManualLoop loop;
    for (int done = 0; done < 50;) {
      auto record = run(loop, store.find("n"));
      auto next = std::to_string(*parse_u64(record->value.view()) + 1);
      if (run(loop, store.commit({{{"n", record->modified}}, {{"n", Bytes(next)}}})).committed)
        ++done;
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { increments(*store_); });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(read("n"), "200");
}

TEST_P(DurableContract, ReopeningKeepsDataRevisionAndHistory) {
  Revision first = put("a", "1");
  put("a", "2");
  Revision last = store_->newest();
  reopen();
  EXPECT_EQ(read("a"), "2");
  EXPECT_EQ(store_->newest(), last);
  EXPECT_EQ(run(loop_, store_->history(first, 10)).size(), 1u);
  EXPECT_LT(last, put("b", "1"));
}

Engine memory_engine() {
  return {"memory", [](const std::string&) { return std::make_unique<MemoryStore>(); }};
}
Engine rocksdb_engine() {
  return {"rocksdb", [](const std::string& directory) { return open_rocksdb({directory}); }};
}
std::string engine_name(const testing::TestParamInfo<Engine>& engine) { return engine.param.name; }

INSTANTIATE_TEST_SUITE_P(Engines, StoreContract, testing::Values(memory_engine(), rocksdb_engine()),
                         engine_name);
INSTANTIATE_TEST_SUITE_P(Engines, DurableContract, testing::Values(rocksdb_engine()), engine_name);

TEST(Rocksdb, ASecondOpenerIsToldThatTheDirectoryIsInUse) {
  std::string directory = fresh_directory();
  auto store = open_rocksdb({directory});
  EXPECT_EQ(open_error(directory),
            "cannot open the store in " + directory + ": it is in use by another process");
  store.reset();
  std::filesystem::remove_all(directory);
}

TEST(Rocksdb, AFullDiskRefusesWritesUntilThereIsSpace) {
  auto directory = std::filesystem::temp_directory_path() / hex_encode(random_bytes(8));
  std::uint64_t free = 1ull << 40;
  RocksdbOptions options{.directory = directory};
  options.free_bytes = [&free] { return free; };
  auto store = open_rocksdb(options);
  ManualLoop loop;
  Transaction first{{}, {{"a", Bytes::literal("1")}}}, second{{}, {{"a", Bytes::literal("2")}}};
  EXPECT_TRUE(run(loop, store->commit(first)).committed);

  free = kReservedBytes;
  EXPECT_THROW(run(loop, store->commit(second)), Error);
  EXPECT_FALSE(store->health().writable);
  EXPECT_EQ(run(loop, store->find("a"))->value.view(), "1");
  free = kReservedBytes + 1024 * 1024;  // so little would be used up by the next write
  EXPECT_THROW(run(loop, store->commit(second)), Error);
  EXPECT_FALSE(store->health().writable);
  free = 1ull << 40;
  EXPECT_TRUE(run(loop, store->commit(second)).committed);
  EXPECT_TRUE(store->health().writable);

  store.reset();
  free = kReservedBytes - 1;
  EXPECT_THROW(open_rocksdb(options), Error);
  std::filesystem::remove_all(directory);
}

TEST(RocksdbFormat, DamagedEntriesAreRecognized) {
  Record previous{"key", Bytes("old"), Revision{1}, Revision{2}};
  std::string key = format::log_key(Revision{3});
  std::string value = format::encode_log("key", format::Present::No, previous);
  EXPECT_TRUE(format::decode_log(key, value));
  EXPECT_EQ(format::decode_log(key + std::string(4, '\0'), value)->revision, Revision{3});
  for (std::size_t cut : {0u, 4u, 7u, 20u})
    EXPECT_FALSE(format::decode_log(key, value.substr(0, cut)));
  EXPECT_FALSE(format::decode_log("short", value));
}

TEST(MemoryStore, FailsOnDemandAsAFullDisk) {
  MemoryStore store;
  ManualLoop loop;
  store.fail_commits(1);
  EXPECT_FALSE(store.health().writable);
  EXPECT_THROW(run(loop, store.commit({{}, {{"a", Bytes("1")}}})), Error);
  EXPECT_TRUE(run(loop, store.commit({{}, {{"a", Bytes("1")}}})).committed);
}

}  // namespace
}  // namespace storage
