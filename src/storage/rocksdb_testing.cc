#include "storage/rocksdb_testing.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/random.h"
#include "base/strings.h"
#include "storage/rocksdb_acknowledged.h"

namespace storage {
namespace {

namespace fs = std::filesystem;

class FailingTable final : public rocksdb::WritableFileWrapper {
 public:
  FailingTable(std::unique_ptr<rocksdb::WritableFile> file, const std::atomic<bool>& full)
      : WritableFileWrapper(file.get()), file_(std::move(file)), full_(full) {}

  rocksdb::Status Append(const rocksdb::Slice& data) override {
    if (!full_) return file_->Append(data);
    // As a full disk does: some of it is written.
    static_cast<void>(file_->Append(rocksdb::Slice(data.data(), data.size() / 2)));
    return rocksdb::Status::NoSpace("No space left on device");
  }
  rocksdb::Status Append(const rocksdb::Slice& data,
                         const rocksdb::DataVerificationInfo&) override {
    return Append(data);
  }

 private:
  std::unique_ptr<rocksdb::WritableFile> file_;
  const std::atomic<bool>& full_;
};

}  // namespace

rocksdb::Status FailingFiles::NewWritableFile(const std::string& name,
                                              std::unique_ptr<rocksdb::WritableFile>* file,
                                              const rocksdb::EnvOptions& options) {
  auto status = EnvWrapper::NewWritableFile(name, file, options);
  if (!status.ok() || !name.ends_with(".sst")) return status;
  *file = std::make_unique<FailingTable>(std::move(*file), tables_are_full);
  return status;
}

int FailingFiles::journal_failure() const {
  if (syncs_fail) return EIO;
  return journal_is_full ? ENOSPC : 0;
}

std::string fresh_directory() {
  return fs::temp_directory_path() / ("store-" + hex_encode(random_bytes(8)));
}

std::string read_whole(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

void write_whole(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

std::vector<std::string> files_with(const std::string& directory, const std::string& extension) {
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.path().extension() == extension) found.push_back(entry.path());
  }
  std::ranges::sort(found);
  return found;
}

std::string contents_of(const std::string& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) {
    std::string name = entry.path().filename();
    if (name.starts_with("LOG") || name == "LOCK") continue;  // RocksDB's diary
    names.push_back(fmt::format("{} {}", name, entry.file_size()));
  }
  std::ranges::sort(names);
  std::string text;
  for (const std::string& name : names) text += name + "\n";
  return text;
}

void flip(const std::string& path, std::size_t offset, unsigned bit) {
  std::string content = read_whole(path);
  content.at(offset) = static_cast<char>(content.at(offset) ^ (1 << bit));
  write_whole(path, content);
}

std::string open_error(const std::string& directory) {
  try {
    open_rocksdb({directory});
  } catch (const Error& error) {
    return error.message();
  }
  return "";
}

KilledStore::KilledStore(int count, std::size_t bytes, Room room)
    : directory_(fresh_directory()), count_(count) {
  std::string original = fresh_directory();
  {
    auto store = open_rocksdb({original});
    ManualLoop loop;
    for (int i = 0; i < count; ++i) {
      std::string value = random_bytes(bytes);
      run(loop, store->commit({{}, {{fmt::format("k{}", i), Bytes(std::move(value))}}}));
    }
    fs::copy(original, directory_);
  }
  fs::remove_all(original);
  if (room == Room::Kept) return;
  for (const std::string& path : files_with(directory_, ".journal")) {
    std::string content = read_whole(path);
    content.resize(content.find_last_not_of('\0') + 1);  // no record of these tests ends with zero
    write_whole(path, content);
  }
}

KilledStore::~KilledStore() { fs::remove_all(directory_); }

std::string KilledStore::journal_file() const {
  std::string largest;
  for (const std::string& path : files_with(directory_, ".journal")) {
    if (largest.empty() || fs::file_size(path) > fs::file_size(largest)) largest = path;
  }
  return largest;
}

int KilledStore::found() const {
  auto store = open_rocksdb({directory_});
  ManualLoop loop;
  int found = 0;
  for (int i = 0; i < count_; ++i) found += run(loop, store->find(fmt::format("k{}", i))) ? 1 : 0;
  return found;
}

void KilledStore::forget_acknowledgements(std::uint64_t count) const {
  std::uint64_t known = read_acknowledged(directory_);
  Acknowledged(directory_).set(known - count);
}

}  // namespace storage
