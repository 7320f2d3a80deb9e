#include "cmd/restore.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "cmd/files.h"
#include "cmd/flags.h"
#include "cmd/program.h"
#include "storage/rocksdb.h"
#include "storage/sync_directory.h"

namespace cmd {
namespace {

namespace fs = std::filesystem;

Error failed(const std::string& path, const std::string& why) {
  return {Reason::ServiceUnavailable, fmt::format("cannot restore into {}: {}", path, why)};
}

void sync_folder(const std::string& path) {
  if (int error = storage::sync_directory(path)) throw failed(path, std::strerror(error));
}

void check_target(const std::string& root) {
  std::error_code error;
  if (!fs::exists(root, error)) return;
  if (!fs::is_directory(root, error)) throw failed(root, "it is not a directory");
  if (!fs::is_empty(root, error) || error) {
    throw failed(root, "it is not empty; name a new directory, or move this one away");
  }
}

}  // namespace

BackupSummary restore_backup(const std::string& from, const std::string& root) {
  fs::path target = fs::absolute(root).lexically_normal();
  if (!target.has_filename()) target = target.parent_path();
  check_target(target);
  read_backup(from, {});  // all of it is sound before the first byte is written

  std::string fresh = target.string() + ".restoring";
  std::error_code error;
  fs::remove_all(fresh, error);  // of a restore that did not finish
  storage::RocksdbImport store(fresh + "/data");
  BackupVisitor visitor;
  visitor.file = [&](const std::string& name, const std::string& content) {
    write_file(fresh + "/" + name, content);
  };
  visitor.record = [&](const storage::Record& record) { store.add(record); };
  BackupSummary summary = read_backup(from, visitor);
  store.finish(storage::Revision{number(summary.header.revision) + kRevisionGap});
  if (summary.files != 0) sync_folder(fresh + "/pki");
  sync_folder(fresh + "/data");
  sync_folder(fresh);
  ::chmod(fresh.c_str(), 0700);
  if (::rename(fresh.c_str(), target.c_str()) != 0) throw failed(target, std::strerror(errno));
  sync_folder(target.parent_path());
  return summary;
}

int restore_command(const std::vector<std::string>& arguments) {
  std::string from, root;
  Flags flags("kcp restore --from FILE --root-directory DIRECTORY",
              "Makes a new root directory from a backup, for kcp start.",
              "kcp restore --from shard.backup --root-directory /var/lib/kcp");
  flags.add("from", &from, "a file that kcp backup has written");
  flags.add("root-directory", &root, "the directory to make; must be empty or missing");
  auto outcome = flags.parse(arguments);
  if (outcome != Flags::Outcome::Run) return outcome == Flags::Outcome::Help ? 0 : 2;
  if (from.empty() || root.empty()) {
    fmt::print(stderr, "kcp: restore needs --from and --root-directory; see --help\n");
    return 2;
  }
  try {
    BackupSummary summary = restore_backup(from, root);
    fmt::print(
        "restored {} records as of revision {} into {}; start it with\n"
        "  kcp start --root-directory {}\n",
        summary.records, number(summary.header.revision), root, root);
  } catch (const Error& error) {
    fmt::print(stderr, "kcp: {}\n", error.message());
    return 1;
  }
  return 0;
}

}  // namespace cmd
