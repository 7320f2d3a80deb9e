// The journal, and damage to it: what is torn is left out, what was acknowledged is missed.
#include "storage/journal.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/random.h"
#include "base/strings.h"
#include "storage/crc32c.h"
#include "storage/rocksdb_acknowledged.h"
#include "storage/rocksdb_store.h"
#include "storage/rocksdb_testing.h"

namespace storage {
namespace {

using State = JournalVerdict::State;
namespace fs = std::filesystem;

TEST(Crc32c, IsTheOneOfTheStandard) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c("6789", crc32c("12345")), 0xe3069283u);
}

// Where they begin.
std::vector<std::size_t> records_in(std::string_view content) {
  std::vector<std::size_t> starts;
  std::string salt = journal::salt_of(content).value();
  for (std::size_t at = journal::kFileHeader; at < content.size();) {
    auto record = journal::decode_record(salt, content.substr(at));
    if (!record) break;
    starts.push_back(at);
    at += journal::kRecordHeader + record->payload.size();
  }
  return starts;
}

TEST(Journal, WhatAKilledProcessLeavesIsWhole) {
  KilledStore store(20, 50'000);
  EXPECT_EQ(judge_journal(store.directory()).state, State::Whole);
  EXPECT_EQ(store.found(), 20);
}

TEST(Journal, AFlippedBitIsSeenWhereverItIs) {
  KilledStore store(6, 20);
  std::string path = store.journal_file(), content = read_whole(path);
  std::size_t damaged = 0;
  for (std::size_t at = 0; at < content.size(); ++at) {
    std::string flipped = content;
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << at % 8));
    write_whole(path, flipped);
    auto state = judge_journal(store.directory()).state;
    ASSERT_NE(state, State::Whole) << at;
    damaged += state == State::Damaged ? 1 : 0;
  }
  // In all but the last record, which may have been torn.
  EXPECT_GT(damaged, content.size() * 3 / 4);
  EXPECT_LT(damaged, content.size());
}

TEST(Journal, AFileCutAnywhereIsNeverTakenForDamaged) {
  KilledStore store(4, 40'000);
  std::string path = store.journal_file(), content = read_whole(path);
  for (std::size_t size = 0; size <= content.size(); size += 499) {
    write_whole(path, content.substr(0, size));
    EXPECT_NE(judge_journal(store.directory()).state, State::Damaged) << size;
  }
}

TEST(Journal, APageOfZerosAndAMissingRecordAreDamage) {
  KilledStore store(40, 3000);
  std::string path = store.journal_file(), content = read_whole(path);
  std::string zeroed = content;
  std::fill_n(zeroed.begin() + 40'960, 4096, '\0');
  write_whole(path, zeroed);
  EXPECT_EQ(judge_journal(store.directory()).state, State::Damaged);

  std::string without = content;
  auto starts = records_in(content);
  ASSERT_EQ(starts.size(), 40u);
  without.erase(starts[10], starts[11] - starts[10]);  // what is left are whole records
  write_whole(path, without);
  EXPECT_EQ(judge_journal(store.directory()).state, State::Damaged);
}

TEST(Journal, ZerosBehindTheLastRecordAreRoomAhead) {
  for (std::size_t bytes : {10uz, 3000uz, 50'000uz}) {
    KilledStore store(20, bytes);
    std::string path = store.journal_file(), content = read_whole(path);
    for (std::size_t zeros : {1uz, 6uz, 7uz, 40'000uz, 300'000uz}) {
      write_whole(path, content + std::string(zeros, '\0'));
      EXPECT_EQ(judge_journal(store.directory()).state, State::Whole) << bytes << " " << zeros;
    }
    EXPECT_EQ(store.found(), 20);
  }
}

TEST(Journal, WhatStandsBehindZerosIsMissed) {
  KilledStore store(40, 3000);
  std::string path = store.journal_file(), content = read_whole(path);
  std::string gap =
      content.substr(0, 32 * 1024) + std::string(32 * 1024, '\0') + content.substr(32 * 1024);
  write_whole(path, gap);
  EXPECT_EQ(judge_journal(store.directory()).state, State::Damaged);

  write_whole(path, content + std::string(100'000, '\0') + "x");
  EXPECT_EQ(judge_journal(store.directory()).state, State::Torn);
}

TEST(Journal, ATornRecordBeforeRoomIsTorn) {
  KilledStore store(5, 20'000);
  std::string path = store.journal_file(), content = read_whole(path);
  write_whole(path, content.substr(0, content.size() - 10'000) + std::string(200'000, '\0'));
  store.forget_acknowledgements(1);
  EXPECT_EQ(judge_journal(store.directory()).state, State::Torn);
  EXPECT_EQ(store.found(), 4);
  EXPECT_EQ(store.found(), 4);
}

TEST(Journal, AKilledStoreOpensWithTheRoomAheadInItsJournal) {
  KilledStore store(200, 20'000, KilledStore::Room::Kept);
  std::size_t size = fs::file_size(store.journal_file());
  std::string content = read_whole(store.journal_file());
  EXPECT_GT(size, content.find_last_not_of('\0') + 1);
  EXPECT_EQ(judge_journal(store.directory()).state, State::Whole);
  EXPECT_EQ(store.found(), 200);
}

TEST(Journal, AClosedFileEndsWithItsLastRecord) {
  std::string directory = fresh_directory();
  {
    auto store = open_rocksdb({directory});
    ManualLoop loop;
    run(loop, store->commit({{}, {{"k", Bytes(std::string(20'000, 'v'))}}}));
  }
  for (const std::string& path : files_with(directory, ".journal")) {
    EXPECT_LT(fs::file_size(path), 64 * 1024);
  }
  fs::remove_all(directory);
}

TEST(Journal, AWriteThatWasTornAndNotAcknowledgedIsLeftOut) {
  for (bool cut : {true, false}) {  // or pages of it were not written
    KilledStore store(5, 20'000);
    std::string path = store.journal_file(), content = read_whole(path);
    if (cut) {
      content.resize(content.size() - 10'000);
    } else {
      std::fill_n(content.end() - 12'000, 4096, '\0');
    }
    write_whole(path, content);
    store.forget_acknowledgements(1);
    EXPECT_EQ(judge_journal(store.directory()).state, State::Torn);
    testing::internal::CaptureStderr();
    EXPECT_EQ(store.found(), 4);
    EXPECT_TRUE(testing::internal::GetCapturedStderr().contains("torn by a crash"));
    EXPECT_EQ(store.found(), 4);
  }
}

TEST(Journal, AnAcknowledgedWriteThatIsMissingIsNotLeftOutInSilence) {
  for (bool whole_record : {false, true}) {
    KilledStore store(5, 20'000);
    std::string path = store.journal_file(), content = read_whole(path);
    content.pop_back();
    write_whole(path, content);
    std::string place = judge_journal(store.directory()).place;
    auto start = parse_u64(place.substr(place.rfind(' ') + 1));
    if (whole_record) write_whole(path, content.substr(0, *start));
    std::string before = contents_of(store.directory()), why = open_error(store.directory());
    EXPECT_TRUE(why.contains("was acknowledged, but the newest on disk is")) << why;
    EXPECT_TRUE(why.contains("kcp restore")) << why;
    if (!whole_record) EXPECT_EQ(contents_of(store.directory()), before);
    EXPECT_FALSE(open_error(store.directory()).empty());
    // The way out that the message names.
    fs::remove(acknowledged_path(store.directory()));
    EXPECT_EQ(store.found(), 4);
  }
}

TEST(Journal, ADamagedJournalIsRefusedAndLeftAsItIs) {
  KilledStore store(20, 5000);
  std::string path = store.journal_file();
  flip(path, fs::file_size(path) / 2);
  std::string before = contents_of(store.directory()), why = open_error(store.directory());
  EXPECT_TRUE(why.contains("its log is corrupt: " + path + " at byte ")) << why;
  EXPECT_TRUE(why.contains("restore a backup with kcp restore")) << why;
  EXPECT_EQ(contents_of(store.directory()), before);
  flip(path, fs::file_size(path) / 2);
  EXPECT_EQ(store.found(), 20);
}

TEST(Journal, AMissingFileOfItIsMissed) {
  std::string directory = fresh_directory(), copy = fresh_directory();
  {
    RocksdbOptions options{.directory = directory};
    options.write_buffer_bytes = 1024 * 1024;  // half of it is a file
    auto store = open_rocksdb(options);
    ManualLoop loop;
    for (int i = 0; i < 4; ++i) {
      Transaction one{{}, {{std::to_string(i), Bytes(random_bytes(200'000))}}};
      run(loop, store->commit(std::move(one)));
    }
    fs::copy(directory, copy);
  }
  auto files = files_with(copy, ".journal");
  ASSERT_EQ(files.size(), 2u);
  fs::remove(files.front());
  std::string why = open_error(copy);
  EXPECT_TRUE(why.contains("its log is corrupt: records 1 to 3 are missing")) << why;
  fs::remove_all(directory);
  fs::remove_all(copy);
}

TEST(Journal, AStoreWithRocksdbsOwnLogIsTakenOver) {
  std::string directory = fresh_directory();
  RocksdbOptions options{.directory = directory};
  Record record{"old", Bytes("value"), Revision{5}, Revision{7}};
  {
    std::vector<rocksdb::ColumnFamilyHandle*> families;
    rocksdb::DB* db = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open(database_options(options), directory, column_families(options),
                                  &families, &db)
                    .ok());
    rocksdb::WriteBatch batch;
    batch.Put(families[1], record.key, format::encode_record(record));
    batch.Put(families[3], "format", format::encode_number(2));
    batch.Put(families[3], "newest", format::encode_number(7));
    batch.Put(families[3], "oldest", format::encode_number(3));
    ASSERT_TRUE(db->Write(rocksdb::WriteOptions(), &batch).ok());
    for (auto* family : families) db->DestroyColumnFamilyHandle(family);
    db->Close();
    delete db;
    Acknowledged(directory).set(7);
  }
  ManualLoop loop;
  for (int round = 0; round < 2; ++round) {
    auto store = open_rocksdb(options);
    EXPECT_EQ(run(loop, store->find("old"))->value.view(), "value");
    EXPECT_EQ(store->newest(), Revision{7u + round});
    EXPECT_EQ(store->oldest(), Revision{3});
    run(loop, store->commit({{}, {{"new", Bytes(std::to_string(round))}}}));
  }
  fs::remove_all(directory);
}

TEST(Journal, AnUnreadableNoteSaysNothing) {
  KilledStore store(3, 10);
  EXPECT_NE(read_acknowledged(store.directory()), 0u);
  flip(acknowledged_path(store.directory()), 7);
  EXPECT_EQ(read_acknowledged(store.directory()), 0u);
  EXPECT_EQ(store.found(), 3);
}

}  // namespace
}  // namespace storage
