#include "storage/journal_file.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "storage/sync_directory.h"

namespace storage {
namespace {

constexpr std::size_t kBlock = 4096;
constexpr std::size_t kKept = 2 * 1024 * 1024;  // a larger buffer is given back after its use
constexpr std::size_t kSmall = 16 * 1024;

std::size_t round_up(std::size_t bytes) { return (bytes + kBlock - 1) / kBlock * kBlock; }

// All of it, synced. An errno, or 0.
int write_synced(int fd, const char* data, std::size_t bytes, std::uint64_t offset) {
  while (bytes > 0) {
    iovec piece{const_cast<char*>(data), bytes};
    ssize_t count = ::pwritev2(fd, &piece, 1, static_cast<off_t>(offset), RWF_DSYNC);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count < 0 ? errno : EIO;
    data += count;
    bytes -= static_cast<std::size_t>(count);
    offset += static_cast<std::uint64_t>(count);
  }
  return 0;
}

}  // namespace

void JournalFile::Free::operator()(char* memory) const { std::free(memory); }

JournalFile::JournalFile(std::string path, std::string_view header, JournalRoomMaker& maker)
    : path_(std::move(path)), maker_(maker) {
  int error = create(header, O_DIRECT);
  direct_ = error == 0;
  if (error == EINVAL) error = create(header, 0);  // the file system keeps all in its cache
  if (error != 0) throw std::system_error(error, std::generic_category(), path_);
}

int JournalFile::create(std::string_view header, int flags) {
  fd_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | flags, 0600);
  int error = fd_ < 0 ? errno : 0;
  if (error == 0) {
    room_ = std::make_shared<JournalRoom>(path_);
    stage(header, "");
    error = write();
  }
  if (error == 0) error = sync_directory(std::filesystem::path(path_).parent_path());
  if (error == 0 || error == EEXIST) return error;
  ::unlink(path_.c_str());  // open() with flags that it does not like leaves one too
  if (fd_ >= 0) ::close(fd_);
  return error;
}

JournalFile::~JournalFile() {
  room_->close();
  if (::ftruncate(fd_, static_cast<off_t>(position_)) != 0) {
    // The zeros stay: they only take room.
  }
  ::close(fd_);
}

std::uint64_t JournalFile::block_start() const { return position_ / kBlock * kBlock; }

std::size_t JournalFile::staged_blocks() const {
  return round_up(position_ - block_start() + staged_);
}

// What stands before position_ stays.
void JournalFile::resize_buffer(std::size_t bytes) {
  std::unique_ptr<char, Free> other(static_cast<char*>(std::aligned_alloc(kBlock, bytes)));
  CHECK(other != nullptr);
  std::size_t tail = position_ - block_start();
  if (tail > 0) std::memcpy(other.get(), buffer_.get(), tail);
  buffer_ = std::move(other);
  capacity_ = bytes;
}

void JournalFile::stage(std::string_view first, std::string_view second) {
  std::size_t tail = position_ - block_start();
  staged_ = first.size() + second.size();
  std::size_t end = staged_blocks();
  if (end > capacity_) resize_buffer(end);
  char* to = buffer_.get() + tail;
  std::memcpy(to, first.data(), first.size());
  if (!second.empty()) std::memcpy(to + first.size(), second.data(), second.size());
  std::memset(to + staged_, 0, end - tail - staged_);
}

int JournalFile::write() {
  std::size_t bytes = staged_blocks();
  room_->wait_for_zeros(block_start() + bytes);
  int error = write_synced(fd_, buffer_.get(), bytes, block_start());
  if (error == 0) appended();
  return error;
}

bool JournalFile::begin(AsyncWrite& writer) {
  std::size_t bytes = staged_blocks();
  return direct_ && room_->reaches(block_start() + bytes) &&
         writer.begin(fd_, buffer_.get(), bytes, block_start());
}

int JournalFile::finish(AsyncWrite& writer) {
  int error = writer.finish();
  if (error == 0) appended();
  return error;
}

void JournalFile::appended() {
  std::size_t from = block_start();
  before_ = position_;
  position_ += std::exchange(staged_, 0);
  std::size_t tail_at = block_start() - from;
  if (tail_at > 0) std::memmove(buffer_.get(), buffer_.get() + tail_at, position_ - block_start());
  if (capacity_ > kKept) trim();
  if (room_->advance(position_)) maker_.ask(room_);
}

void JournalFile::trim() {
  if (capacity_ > kSmall) resize_buffer(kSmall);
}

int JournalFile::clean_up() {
  room_->close();  // what follows is of the file's own size
  return ::ftruncate(fd_, static_cast<off_t>(position_)) == 0 && ::fdatasync(fd_) == 0 ? 0 : errno;
}

int JournalFile::take_back() {
  position_ = before_;
  ssize_t count = ::pread(fd_, buffer_.get(), kBlock, static_cast<off_t>(block_start()));
  if (count < static_cast<ssize_t>(position_ - block_start())) return count < 0 ? errno : EIO;
  return clean_up();
}

}  // namespace storage
