#include "storage/journal_room.h"

#include <fcntl.h>
#include <unistd.h>

namespace storage {
namespace {

constexpr std::size_t kStep = 128 * 1024;  // a commit that comes meanwhile waits for no more

}  // namespace

JournalRoom::JournalRoom(const std::string& path)
    : fd_(::open(path.c_str(), O_WRONLY | O_CLOEXEC)), given_up_(fd_ < 0) {}

JournalRoom::~JournalRoom() {
  if (fd_ >= 0) ::close(fd_);
}

void JournalRoom::wait_for_zeros(std::uint64_t end) {
  if (reaches(end)) return;
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return !filling_; });
  if (end > filled_) filled_ = end;
}

bool JournalRoom::advance(std::uint64_t end) {
  position_ = end;
  std::uint64_t filled = filled_;
  return (filled < end || filled - end < kJournalRoomBytes / 2) && !asked_.exchange(true);
}

void JournalRoom::fill() {
  asked_ = false;
  while (fill_step()) {
  }
  std::lock_guard lock(mutex_);
  if (given_up_) asked_ = true;  // for good
}

void JournalRoom::close() {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return !filling_; });
  given_up_ = true;
  filled_ = 0;
}

bool JournalRoom::fill_step() {
  std::uint64_t from = 0;
  {
    std::lock_guard lock(mutex_);
    from = filled_;
    if (given_up_ || from - position_ >= kJournalRoomBytes) return false;
    filling_ = true;
  }
  bool done = write_zeros(from) && ::fdatasync(fd_) == 0;
  // Pages of zeros would be in the way of data that are written past them.
  ::posix_fadvise(fd_, static_cast<off_t>(from), kStep, POSIX_FADV_DONTNEED);
  std::lock_guard lock(mutex_);
  filling_ = false;
  if (done) filled_ = from + kStep;
  given_up_ = given_up_ || !done;
  idle_.notify_all();
  return done;
}

bool JournalRoom::write_zeros(std::uint64_t from) const {
  static const std::string zeros(kStep, '\0');
  for (std::size_t have = 0; have < kStep;) {
    ssize_t count =
        ::pwrite(fd_, zeros.data() + have, kStep - have, static_cast<off_t>(from + have));
    if (count <= 0) return false;
    have += static_cast<std::size_t>(count);
  }
  return true;
}

JournalRoomMaker::JournalRoomMaker()
    : thread_([this](const std::stop_token& stop) { run(stop); }) {}

void JournalRoomMaker::ask(std::shared_ptr<JournalRoom> room) {
  std::lock_guard lock(mutex_);
  queue_.push_back(std::move(room));
  ready_.notify_one();
}

void JournalRoomMaker::run(const std::stop_token& stop) {
  while (true) {
    std::shared_ptr<JournalRoom> room;
    {
      std::unique_lock lock(mutex_);
      if (!ready_.wait(lock, stop, [this] { return !queue_.empty(); })) return;
      room = std::move(queue_.front());
      queue_.pop_front();
    }
    room->fill();
  }
}

}  // namespace storage
