// A failing disk, a full one, a damaged table; how much room things take; filling a new store.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/random.h"
#include "storage/journal_room.h"
#include "storage/rocksdb_testing.h"

namespace storage {
namespace {

namespace fs = std::filesystem;

Transaction put(const std::string& key, std::string value) {
  return {{}, {{key, Bytes(std::move(value))}}};
}

class Discard final : public Observer {
  void on_commit(std::span<const Event>, Revision) override {}
};

// Reads everything, as a server does at its start.
void load_all(Store& store) {
  static Discard observer;
  store.attach([](std::size_t, const RecordView&) {}, observer);
}

class RocksdbFaults : public testing::Test {
 protected:
  // A death test runs the program again: both must mean the same directory.
  RocksdbFaults() {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    ::setenv("KCP_TEST_DIRECTORY", fresh_directory().c_str(), 0);
    directory_ = std::getenv("KCP_TEST_DIRECTORY");
  }
  ~RocksdbFaults() override {
    ::unsetenv("KCP_TEST_DIRECTORY");
    fs::remove_all(directory_);
  }

  RocksdbOptions options() {
    RocksdbOptions options{.directory = directory_};
    options.env = &files_;
    options.journal_failure = [this] { return files_.journal_failure(); };
    return options;
  }
  bool has(Store& store, const std::string& key) { return run(loop_, store.find(key)).has_value(); }

  ManualLoop loop_;
  FailingFiles files_;
  std::string directory_;
};

TEST_F(RocksdbFaults, AFailedSyncEndsTheProcessAndLosesNothing) {
  auto write_until_failure = [this] {
    auto store = open_rocksdb(options());
    std::ofstream acknowledged(directory_ + ".acknowledged");
    for (int i = 0;; ++i) {
      if (i == 10) files_.syncs_fail = true;
      run(loop_, store->commit(put(fmt::format("k{}", i), "x")));
      acknowledged << i << std::endl;
    }
  };
  EXPECT_EXIT(write_until_failure(), testing::ExitedWithCode(1), "the disk failed; stopping");

  auto store = open_rocksdb(options());
  std::ifstream acknowledged(directory_ + ".acknowledged");
  int last = -1;
  for (int i = 0; acknowledged >> i; last = i) EXPECT_TRUE(has(*store, fmt::format("k{}", i)));
  EXPECT_EQ(last, 9);
  fs::remove(directory_ + ".acknowledged");
}

TEST_F(RocksdbFaults, AKilledWriterLosesNothingThatWasAcknowledged) {
  std::string acknowledged = directory_ + ".acknowledged";
  auto write_until_killed = [&](int round) {
    auto store = open_rocksdb({directory_});
    std::ofstream log(acknowledged, std::ios::app);
    for (int i = 0;; ++i) {
      std::string key = fmt::format("{}-{}", round, i);
      Transaction both{{}, {{"a/" + key, Bytes("x")}, {"b/" + key, Bytes("x")}}};
      if (run(loop_, store->commit(std::move(both))).committed) log << key << std::endl;
      if (i == 20 + 7 * round) std::raise(SIGKILL);
    }
  };
  for (int round = 0; round < 5; ++round) {
    EXPECT_EXIT(write_until_killed(round), testing::KilledBySignal(SIGKILL), "");
  }
  auto store = open_rocksdb({directory_});
  std::ifstream log(acknowledged);
  std::size_t count = 0;
  for (std::string key; std::getline(log, key); ++count) {
    EXPECT_TRUE(has(*store, "a/" + key) && has(*store, "b/" + key)) << key;
  }
  EXPECT_EQ(count, 175u);
  auto a = run(loop_, store->range({"a/", "b/", {}, 0})).records.size();
  auto b = run(loop_, store->range({"b/", "c/", {}, 0})).records.size();
  EXPECT_EQ(a, b);
  fs::remove(acknowledged);
}

TEST_F(RocksdbFaults, AFullJournalRefusesWritesAndRecoversByItself) {
  auto store = open_rocksdb(options());
  run(loop_, store->commit(put("before", "x")));
  files_.journal_is_full = true;
  try {
    run(loop_, store->commit(put("refused", "x")));
    FAIL() << "was acknowledged";
  } catch (const Error& error) {
    EXPECT_EQ(error.reason(), Reason::InsufficientStorage);
    EXPECT_TRUE(error.message().contains("is full: reads go on")) << error.message();
  }
  EXPECT_FALSE(store->health().writable);
  EXPECT_TRUE(has(*store, "before"));
  EXPECT_FALSE(has(*store, "refused"));

  files_.journal_is_full = false;
  while (!store->health().writable) std::this_thread::sleep_for(10ms);  // nobody writes
  run(loop_, store->commit(put("after", "x")));
  store.reset();
  store = open_rocksdb(options());
  EXPECT_TRUE(has(*store, "before") && has(*store, "after"));
}

TEST_F(RocksdbFaults, TablesThatDoNotFitStallWritesUntilTheyDo) {
  auto small = options();
  small.write_buffer_bytes = 64 * 1024;
  auto store = open_rocksdb(small);
  files_.tables_are_full = true;
  std::vector<std::string> acknowledged;
  for (int i = 0; store->health().writable; ++i) {
    std::string key = fmt::format("k{}", i);
    try {
      run(loop_, store->commit(put(key, random_bytes(4096))));
      acknowledged.push_back(key);
    } catch (const Error& error) {
      EXPECT_EQ(error.reason(), Reason::InsufficientStorage) << error.message();
    }
  }
  for (const std::string& key : acknowledged) EXPECT_TRUE(has(*store, key)) << key;
  EXPECT_THROW(run(loop_, store->commit(put("refused", "x"))), Error);

  files_.tables_are_full = false;
  while (!store->health().writable) std::this_thread::sleep_for(10ms);
  run(loop_, store->commit(put("after", "x")));
  store.reset();
  store = open_rocksdb(options());
  for (const std::string& key : acknowledged) EXPECT_TRUE(has(*store, key)) << key;
  EXPECT_TRUE(has(*store, "after"));
}

TEST_F(RocksdbFaults, AJournalThatDoesNotFitIntoTablesIsKeptUntilItDoes) {
  constexpr int kCount = 40;
  {
    auto store = open_rocksdb(options());  // nothing of it goes into tables
    for (int i = 0; i < kCount; ++i) {
      run(loop_, store->commit(put(fmt::format("k{}", i), random_bytes(20'000))));
    }
  }
  files_.tables_are_full = true;
  auto small = options();
  small.write_buffer_bytes = 64 * 1024;
  std::string why;
  try {
    open_rocksdb(small);
  } catch (const Error& error) {
    why = error.message();
  }
  EXPECT_TRUE(why.contains("the disk is full")) << why;

  files_.tables_are_full = false;
  auto store = open_rocksdb(small);
  for (int i = 0; i < kCount; ++i) EXPECT_TRUE(has(*store, fmt::format("k{}", i))) << i;
}

TEST_F(RocksdbFaults, AFlippedBitInATableEndsTheProcess) {
  auto open_damaged = [this] {
    {
      RocksdbOptions small{.directory = directory_};
      small.write_buffer_bytes = 64 * 1024;  // so that there are tables
      auto store = open_rocksdb(small);
      for (int i = 0; i < 200; ++i) {
        run(loop_, store->commit(put(fmt::format("k{}", i), random_bytes(1000))));
      }
    }
    std::string largest;
    for (const std::string& path : files_with(directory_, ".sst")) {
      if (largest.empty() || fs::file_size(path) > fs::file_size(largest)) largest = path;
    }
    flip(largest, fs::file_size(largest) / 3);
    load_all(*open_rocksdb({directory_}));
  };
  EXPECT_EXIT(open_damaged(), testing::ExitedWithCode(1),
              "the store is corrupt; stopping. Restore a backup");
}

TEST_F(RocksdbFaults, OverwritingForeverTakesAtMostTwiceTheLiveBytes) {
  RocksdbOptions tight{.directory = directory_, .history = 50ms};
  tight.write_buffer_bytes = 256 * 1024;
  auto store = open_rocksdb(tight);
  constexpr std::size_t kKeys = 1000, kValue = 4096, kRounds = 8;
  for (std::size_t round = 0; round < kRounds; ++round) {
    for (std::size_t i = 0; i < kKeys; i += 50) {
      Transaction many;
      for (std::size_t j = i; j < i + 50; ++j) {
        many.writes.push_back({fmt::format("k{:06}", j), Bytes(random_bytes(kValue))});
      }
      run(loop_, store->commit(std::move(many)));
    }
  }
  run(loop_, store->compact(store->newest()));
  auto on_disk = [&] {
    std::uint64_t bytes = 0;
    for (const char* kind : {".sst", ".journal"}) {
      for (const std::string& path : files_with(directory_, kind)) {
        std::error_code gone;
        std::uint64_t size = fs::file_size(path, gone);
        bytes += gone ? 0 : size;
      }
    }
    return bytes;
  };
  // Compactions go on beside: what counts is where it ends.
  auto patience = std::chrono::steady_clock::now() + 60s;
  std::uint64_t bytes = on_disk();
  constexpr std::uint64_t kMost = 2 * kKeys * kValue + kJournalRoomBytes;
  while (bytes > kMost && std::chrono::steady_clock::now() < patience) {
    std::this_thread::sleep_for(50ms);
    bytes = on_disk();
  }
  EXPECT_LE(bytes, kMost);
}

TEST_F(RocksdbFaults, AnImportedStoreGoesOnWhereItsRecordsEnd) {
  {
    RocksdbImport import(directory_);
    import.add({"a", Bytes("1"), Revision{3}, Revision{7}});
    import.add({"b", Bytes("2"), Revision{5}, Revision{5}});
    import.finish(Revision{100});
  }
  auto store = open_rocksdb({directory_});
  auto a = run(loop_, store->find("a"));
  EXPECT_EQ(a->created, Revision{3});
  EXPECT_EQ(a->modified, Revision{7});
  EXPECT_EQ(store->newest(), Revision{100});
  EXPECT_THROW(run(loop_, store->history(Revision{50}, 10)), Error);
  auto next = run(loop_, store->commit({{{"a", Revision{7}}}, {{"a", Bytes("3")}}}));
  EXPECT_TRUE(next.committed);
  EXPECT_EQ(next.revision, Revision{101});
  EXPECT_THROW(RocksdbImport again(directory_), Error);
}

TEST_F(RocksdbFaults, AnUnfinishedImportCannotBeOpened) {
  {
    RocksdbImport import(directory_);
    import.add({"a", Bytes("1"), Revision{3}, Revision{7}});
  }
  EXPECT_TRUE(open_error(directory_).contains("not restored to the end"));
}

}  // namespace
}  // namespace storage
