#include "storage/rocksdb_acknowledged.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>

#include "storage/crc32c.h"
#include "storage/rocksdb_format.h"

namespace storage {
namespace {

constexpr std::size_t kBytes = 16;  // the revision and its checksum

std::string encode(std::uint64_t revision) {
  std::string text = format::encode_number(revision);
  return text + format::encode_number(crc32c(text));
}

}  // namespace

std::string acknowledged_path(const std::string& directory) { return directory + "/acknowledged"; }

std::uint64_t read_acknowledged(const std::string& directory) {
  std::array<char, kBytes> bytes{};
  int fd = ::open(acknowledged_path(directory).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  ssize_t count = ::pread(fd, bytes.data(), kBytes, 0);
  ::close(fd);
  std::string_view text(bytes.data(), kBytes);
  std::uint64_t revision = format::decode_number(text).value_or(0);
  bool whole = count == static_cast<ssize_t>(kBytes) && text == encode(revision);
  return whole ? revision : 0;
}

Acknowledged::Acknowledged(const std::string& directory)
    : fd_(::open(acknowledged_path(directory).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)) {}

Acknowledged::~Acknowledged() {
  if (fd_ >= 0) ::close(fd_);
}

void Acknowledged::set(std::uint64_t revision) {
  std::string text = encode(revision);
  std::lock_guard lock(mutex_);
  // Old and new differ in place only, so a killed process leaves either; a torn one is not read.
  changed_ = ::pwrite(fd_, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
}

void Acknowledged::sync() {
  {
    std::lock_guard lock(mutex_);
    if (!std::exchange(changed_, false)) return;
  }
  ::fdatasync(fd_);
}

}  // namespace storage
