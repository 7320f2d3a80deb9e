// Writing the journal: what comes back, in which files, after failures too.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <cerrno>
#include <filesystem>

#include "base/random.h"
#include "storage/journal.h"
#include "storage/rocksdb_testing.h"

namespace storage {
namespace {

namespace fs = std::filesystem;
using State = JournalVerdict::State;

class JournalWrite : public testing::Test {
 protected:
  JournalWrite() : directory_(fresh_directory()) { fs::create_directories(directory_); }
  ~JournalWrite() override {
    journal_.reset();
    fs::remove_all(directory_);
  }

  void open(std::uint64_t in_tables = 0) {
    journal_.reset();
    auto verdict = judge_journal(directory_);
    EXPECT_EQ(verdict.state, State::Whole) << verdict.place;
    JournalOptions options{directory_, 100'000, [this] { return failure_; }};
    journal_ = std::make_unique<Journal>(options, verdict.files, in_tables);
  }

  // By the kernel if that is possible, otherwise blocking. Whether the kernel did it.
  bool append(const std::string& payload) {
    Revision newest{1000 + journal_->next()};
    int error = EAGAIN;
    if (journal_->begin(payload, newest)) {
      pollfd wanted{*journal_->event_fd(), POLLIN, 0};
      EXPECT_EQ(::poll(&wanted, 1, 10'000), 1);
      error = journal_->finish();
    }
    written_.push_back(payload);
    if (error == 0) return true;
    EXPECT_EQ(error, EAGAIN);
    EXPECT_EQ(journal_->write(payload, newest), 0);
    return false;
  }

  // What another process would find, behind `after`.
  std::vector<std::string> found(std::uint64_t after = 0) {
    auto verdict = judge_journal(directory_);
    EXPECT_EQ(verdict.state, State::Whole) << verdict.place;
    std::vector<std::string> payloads;
    std::uint64_t next = std::max(after + 1, verdict.first);
    read_journal(verdict.files, after, [&](const journal::Record& record) {
      EXPECT_EQ(record.sequence, next++);
      EXPECT_EQ(number(record.newest), 1000 + record.sequence);
      payloads.emplace_back(record.payload);
    });
    EXPECT_EQ(next - 1, std::max(after, verdict.last));
    return payloads;
  }

  std::string directory_;
  int failure_ = 0;
  std::unique_ptr<Journal> journal_;
  std::vector<std::string> written_;
};

TEST_F(JournalWrite, RecordsOfAnySizeComeBackWhoeverWroteThem) {
  open();
  int by_kernel = 0;
  for (std::size_t bytes :
       {0, 1, 4000, 4028, 4029, 4096, 8192, 20, 70'000, 3, 5'000'000, 12, 999}) {
    by_kernel += append(random_bytes(bytes)) ? 1 : 0;
    EXPECT_EQ(journal_->write("by hand", Revision{1000 + journal_->next()}), 0);
    written_.emplace_back("by hand");
    EXPECT_TRUE(found() == written_) << bytes;
  }
  journal_.reset();
  EXPECT_TRUE(found() == written_);
  RecordProperty("by_kernel", by_kernel);  // none on file systems that cannot
}

// Nobody reads meanwhile: what is in the page cache the kernel cannot pass by without waiting.
TEST_F(JournalWrite, WhatTheKernelWritesAloneComesBack) {
  journal_ = std::make_unique<Journal>(JournalOptions{.directory = directory_},
                                       std::vector<JournalFileInfo>(), 0);
  int by_kernel = 0;
  for (int i = 0; i < 500; ++i) by_kernel += append(random_bytes(i * 37 % 9000)) ? 1 : 0;
  EXPECT_TRUE(found() == written_);
  RecordProperty("by_kernel", by_kernel);
}

TEST_F(JournalWrite, GoesOnInNewFilesAndForgetsOldOnes) {
  open();
  for (int i = 0; i < 40; ++i) append(random_bytes(10'000));
  EXPECT_GE(files_with(directory_, ".journal").size(), 4u);
  EXPECT_TRUE(found() == written_);
  std::uint64_t all = journal_->bytes();
  EXPECT_GT(all, 400'000u);

  journal_->forget(25);
  EXPECT_TRUE(found(25) == std::vector(written_.begin() + 25, written_.end()));
  EXPECT_LT(journal_->bytes(), all - 150'000);
  EXPECT_GT(judge_journal(directory_).first, 10u);
  EXPECT_LE(judge_journal(directory_).first, 26u);

  open(25);
  append("after a start");
  EXPECT_EQ(found(25).size(), 16u);
  EXPECT_EQ(found(25).back(), "after a start");
  EXPECT_EQ(judge_journal(directory_).last, 41u);

  journal_->forget(41);
  EXPECT_EQ(files_with(directory_, ".journal").size(), 1u);  // the one in use
  append("more");
  EXPECT_EQ(found(41), std::vector<std::string>{"more"});
}

TEST_F(JournalWrite, StartsWithoutWritesLeaveNoFiles) {
  for (int i = 0; i < 10; ++i) open(7);
  EXPECT_EQ(files_with(directory_, ".journal").size(), 1u);
  append("x");
  EXPECT_EQ(judge_journal(directory_).first, 8u);
}

TEST_F(JournalWrite, WhatFailedForWantOfSpaceIsNotThereAndWhatFollowsIs) {
  open();
  append("before");
  failure_ = ENOSPC;
  EXPECT_EQ(journal_->write(std::string(30'000, 'x'), Revision{1}), ENOSPC);
  EXPECT_TRUE(Journal::is_full(ENOSPC));
  EXPECT_TRUE(found() == written_);
  if (journal_->begin("also refused", Revision{1})) {
    int error = journal_->finish();
    EXPECT_TRUE(error == ENOSPC || error == EAGAIN) << error;
    EXPECT_TRUE(found() == written_);
  }
  failure_ = 0;
  append("after");
  append(random_bytes(9000));
  EXPECT_TRUE(found() == written_);
}

TEST_F(JournalWrite, TheLastRecordCanBeTakenBack) {
  open();
  for (std::size_t before : {10, 4000, 4096, 50'000}) {
    append(random_bytes(before));
    for (std::size_t bytes : {20, 5000, 100'000}) {
      EXPECT_EQ(journal_->write(random_bytes(bytes), Revision{1}), 0);
      EXPECT_EQ(journal_->take_back(), 0);
      EXPECT_TRUE(found() == written_) << before << " " << bytes;
    }
  }
  append("in its place");
  EXPECT_TRUE(found() == written_);
}

// A tenant may write an object with the bytes of a record, of this very file if it could read them.
TEST_F(JournalWrite, ARecordInsideARecordIsNone) {
  open();
  append("first");
  append("second");
  append("third");
  journal_.reset();
  std::string path = files_with(directory_, ".journal").front();
  std::string third = read_whole(path);
  third = third.substr(third.size() - journal::kRecordHeader - 5);
  fs::remove(path);

  journal_.reset();
  open();
  written_.clear();
  append("first");
  append(third + third + third);
  journal_.reset();
  std::string content = read_whole(path);
  std::string torn = content.substr(0, content.size() - 3);
  write_whole(path, torn);
  EXPECT_EQ(judge_journal(directory_).state, State::Torn);
}

TEST_F(JournalWrite, AMissingFileIsDamage) {
  open();
  for (int i = 0; i < 40; ++i) append(random_bytes(10'000));
  journal_.reset();
  auto files = files_with(directory_, ".journal");
  ASSERT_GE(files.size(), 4u);
  fs::remove(files[1]);
  auto verdict = judge_journal(directory_);
  EXPECT_EQ(verdict.state, State::Damaged);
  EXPECT_EQ(verdict.place, files[2] + " at byte 0");
}

}  // namespace
}  // namespace storage
