// Backup and restore: the file, who may have it, and what comes back.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/manual_loop.h"
#include "base/random.h"
#include "base/strings.h"
#include "cmd/backup_source.h"
#include "cmd/files.h"
#include "cmd/restore.h"
#include "storage/memory.h"
#include "storage/rocksdb.h"

namespace cmd {
namespace {

namespace fs = std::filesystem;
using storage::Revision;

// A server's store and keys in a directory, of which backups can be made.
class Backup : public testing::Test {
 protected:
  Backup() : folder_(fs::temp_directory_path() / ("backup-" + hex_encode(random_bytes(8)))) {
    write_file(root() + "/pki/ca.key", "the key");
    write_file(root() + "/pki/admin.crt", "the certificate");
    write_file(root() + "/pki/Not Ours", "else");
    auto user = [](std::string name, std::vector<std::string> groups) {
      auth::User made;
      made.name = std::move(name);
      made.groups = std::move(groups);
      return std::make_shared<const auth::User>(std::move(made));
    };
    authenticator_ = std::make_unique<auth::Authenticator>(std::map<std::string, auth::UserPtr>{
        {"of-admin", user("admin", {"system:masters"})}, {"of-jane", user("jane", {"team"})}});
    handler_ = make_backup_handler({store_, *authenticator_, clock_, root(), "v1"});
  }
  ~Backup() override { fs::remove_all(folder_); }

  std::string root() const { return folder_ + "/root"; }
  std::string file() const { return folder_ + "/shard.backup"; }

  void put(const std::string& key, const std::string& value) {
    run(loop_, store_.commit({{}, {{key, Bytes(value)}}}));
  }

  static Task<std::pair<int, std::string>> fetch(http::Handler handler, std::string token,
                                                 std::string method, std::string target) {
    auto transport = http::direct_transport(std::move(handler), {});
    http::Request request;
    request.method = std::move(method);
    request.target = std::move(target);
    if (!token.empty()) request.headers.set("authorization", "Bearer " + token);
    auto response = co_await transport->send(std::move(request));
    std::string body = co_await http::read_all(*response.body, 100'000'000);
    co_return std::pair(response.status, std::move(body));
  }
  std::string make(const std::string& token = "of-admin", const std::string& method = "GET",
                   const std::string& target = kBackupPath) {
    auto [status, body] = run(loop_, fetch(handler_, token, method, target));
    EXPECT_EQ(status, 200);
    write_file(file(), body);
    return body;
  }
  // Why the file is refused; "" if it is sound.
  std::string fault() {
    try {
      read_backup(file(), {});
    } catch (const Error& error) {
      return error.message();
    }
    return "";
  }
  std::string restore_fault(const std::string& to) {
    try {
      restore_backup(file(), to);
    } catch (const Error& error) {
      return error.message();
    }
    return "";
  }

  ManualLoop loop_;
  FakeClock clock_;
  std::string folder_;
  storage::MemoryStore store_;
  std::unique_ptr<auth::Authenticator> authenticator_;
  http::Handler handler_;
};

TEST_F(Backup, HasEveryRecordAndTheKeysAndNothingElse) {
  put("b", "2");
  put("a", std::string(3'000'000, 'x'));
  put("a", "1");
  put("big", std::string(2'000'000, 'y'));
  make();
  std::string seen;
  BackupVisitor visitor;
  visitor.file = [&](const std::string& name, const std::string& content) {
    seen += name + "=" + content + "\n";
  };
  visitor.record = [&](const storage::Record& record) {
    seen += fmt::format("{}@{},{} {}\n", record.key, number(record.created),
                        number(record.modified), record.value.size());
  };
  BackupSummary summary = read_backup(file(), visitor);
  EXPECT_EQ(seen,
            "pki/admin.crt=the certificate\npki/ca.key=the key\n"
            "a@3,4 1\nb@2,2 1\nbig@5,5 2000000\n");
  EXPECT_EQ(summary.header.revision, Revision{5});
  EXPECT_EQ(summary.header.version, "v1");
  EXPECT_EQ(summary.records, 3u);
}

TEST_F(Backup, IsForAdministratorsOnly) {
  put("a", "secret");
  auto refusal = [&](std::string token, std::string method, std::string target) {
    try {
      auto answer = run(loop_, fetch(handler_, token, method, target));
      return fmt::format("{} {}", answer.first, answer.second);
    } catch (const Error& error) {
      return std::string(error.message());
    }
  };
  for (const char* token : {"", "of-jane", "of-nobody"}) {
    std::string why = refusal(token, "GET", kBackupPath);
    EXPECT_FALSE(why.contains("secret") || why.starts_with("200")) << why;
  }
  EXPECT_TRUE(refusal("of-jane", "GET", kBackupPath).contains("system:masters"));
  EXPECT_TRUE(refusal("of-admin", "POST", kBackupPath).contains("GET"));
  EXPECT_TRUE(refusal("of-admin", "GET", "/admin/backups").contains("could not find"));
  EXPECT_TRUE(refusal("of-admin", "GET", kBackupPath).contains("secret"));
}

TEST_F(Backup, EachFlippedBitAndEachCutIsSeen) {
  put("a", "1");
  put("b", "2");
  std::string whole = make();
  EXPECT_EQ(fault(), "");
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << at % 8));
    std::ofstream(file(), std::ios::binary) << flipped;
    ASSERT_NE(fault(), "") << at;
    std::ofstream(file(), std::ios::binary) << whole.substr(0, at);
    ASSERT_NE(fault(), "") << at;
  }
  write_file(file(), whole + "x");
  EXPECT_TRUE(fault().contains("behind its end")) << fault();
  write_file(file(), "");
  EXPECT_TRUE(fault().contains("ends early")) << fault();
  fs::remove(file());
  EXPECT_TRUE(fault().contains("cannot read")) << fault();
}

TEST_F(Backup, FilesOutsideOfTheKeysAreRefused) {
  EXPECT_TRUE(is_shard_file("pki/service-account.key"));
  for (const char* name : {"pki/../data", "pki/..", "pki/.hidden", "/pki/ca.key", "pki/", "data/x",
                           "pki/a/b", "pki/A", "../pki/ca.key"}) {
    EXPECT_FALSE(is_shard_file(name)) << name;
  }
  BackupWriter writer;
  write_file(file(), writer.header({Revision{2}, "v1", "now"}) + writer.file("../outside", "x") +
                         writer.end());
  EXPECT_TRUE(fault().contains("does not belong")) << fault();
}

TEST_F(Backup, ARestoredStoreGoesOnBehindEverythingThatWasSeen) {
  for (int i = 0; i < 3000; ++i) put(fmt::format("k{}", i), fmt::format("{}", i));
  put("k7", "newer");
  Revision at = store_.newest();
  make();
  put("k7", "after the backup");
  std::string restored = folder_ + "/restored";
  BackupSummary summary = restore_backup(file(), restored + "/");
  EXPECT_EQ(summary.header.revision, at);
  EXPECT_EQ(read_file(restored + "/pki/ca.key"), "the key");
  EXPECT_FALSE(fs::exists(restored + ".restoring"));

  auto store = storage::open_rocksdb({restored + "/data"});
  auto all = run(loop_, store->range({"", "", {}, 0}));
  EXPECT_EQ(all.records.size(), 3000u);
  auto record = run(loop_, store->find("k7"));
  EXPECT_EQ(record->value.view(), "newer");
  EXPECT_EQ(record->modified, at);
  EXPECT_LT(record->created, at);
  EXPECT_GT(store->newest(), store_.newest());
  // Whoever has seen what is lost, or anything before, has to list again.
  for (Revision seen : {Revision{5}, at, store_.newest()}) {
    EXPECT_THROW(run(loop_, store->history(seen, 10)), Error);
  }
}

TEST_F(Backup, OnlyAnEmptyPlaceIsRestoredTo) {
  put("a", "1");
  std::string whole = make();
  EXPECT_TRUE(restore_fault(root()).contains("it is not empty"));
  EXPECT_EQ(read_file(root() + "/pki/ca.key"), "the key");
  EXPECT_TRUE(restore_fault(file()).contains("not a directory"));
  fs::create_directory(folder_ + "/empty");
  EXPECT_EQ(restore_fault(folder_ + "/empty"), "");
}

TEST_F(Backup, ADamagedBackupLeavesNothingBehind) {
  put("a", "1");
  std::string whole = make();
  whole[whole.size() - 40] = static_cast<char>(whole[whole.size() - 40] ^ 4);
  write_file(file(), whole);
  EXPECT_NE(restore_fault(folder_ + "/restored"), "");
  EXPECT_FALSE(fs::exists(folder_ + "/restored"));
  EXPECT_FALSE(fs::exists(folder_ + "/restored.restoring"));
}

TEST_F(Backup, WhatAKilledRestoreLeftIsNotInTheWay) {
  put("a", "1");
  make();
  std::string restored = folder_ + "/restored";
  {
    storage::RocksdbImport unfinished(restored + ".restoring/data");
    unfinished.add({"x", Bytes("y"), Revision{1}, Revision{1}});
  }
  EXPECT_THROW(storage::open_rocksdb({restored + ".restoring/data"}), Error);
  EXPECT_EQ(restore_fault(restored), "");
  auto store = storage::open_rocksdb({restored + "/data"});
  EXPECT_EQ(run(loop_, store->range({"", "", {}, 0})).records.size(), 1u);
}

// The engine that is backed up in earnest, while transactions of two keys go on.
TEST_F(Backup, IsConsistentWhileWritesGoOn) {
  auto store = storage::open_rocksdb({folder_ + "/data"});
  for (int i = 0; i < 2000; ++i) {
    run(loop_, store->commit({{}, {{fmt::format("fill{}", i), Bytes(std::string(1000, 'x'))}}}));
  }
  auto handler = make_backup_handler({*store, *authenticator_, clock_, root(), "v1"});
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    ManualLoop loop;
    for (int i = 0; !stop; ++i) {
      std::string value = std::to_string(i);
      run(loop, store->commit({{}, {{"a", Bytes(value)}, {"z", Bytes(value)}}}));
    }
  });
  for (int round = 0; round < 5; ++round) {
    auto [status, body] = run(loop_, fetch(handler, "of-admin", "GET", kBackupPath));
    ASSERT_EQ(status, 200);
    write_file(file(), body);
    std::string a, z;
    BackupVisitor visitor;
    visitor.record = [&](const storage::Record& record) {
      if (record.key == "a") a = record.value.view();
      if (record.key == "z") z = record.value.view();
    };
    read_backup(file(), visitor);
    EXPECT_EQ(a, z);
  }
  stop = true;
  writer.join();
}

}  // namespace
}  // namespace cmd
