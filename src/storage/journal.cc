#include "storage/journal.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/random.h"
#include "storage/sync_directory.h"

namespace storage {

Journal::Journal(JournalOptions options, std::vector<JournalFileInfo> present,
                 std::uint64_t in_tables)
    : options_(std::move(options)),
      next_(in_tables + 1),
      older_(std::move(present)),
      number_(older_.empty() ? 0 : older_.back().number) {
  for (const JournalFileInfo& file : older_) next_ = std::max<std::uint64_t>(next_, file.last + 1);
  begin_file();
  forget(in_tables);
}

bool Journal::is_full(int error) { return error == ENOSPC || error == EDQUOT; }

void Journal::begin_file() {
  std::string salt = random_bytes(8);
  std::string path = journal_path(options_.directory, number_ + 1);
  auto file = std::make_unique<JournalFile>(path, journal::encode_file_header(salt), maker_);
  std::lock_guard lock(mutex_);
  if (file_) older_.push_back({file_->path(), number_, next_ - 1, file_->size(), file_->size()});
  file_ = std::move(file);
  salt_ = std::move(salt);
  size_ = file_->size();
  ++number_;
}

void Journal::stage(std::string_view payload, Revision newest) {
  file_->stage(journal::encode_record_header(salt_, {next_, newest, payload}), payload);
}

int Journal::write(std::string_view payload, Revision newest) {
  if (file_->size() >= options_.file_bytes) {
    try {
      begin_file();
    } catch (const std::system_error& error) {
      return error.code().value();
    }
  }
  stage(payload, newest);
  return ended(file_->write());
}

bool Journal::begin(std::string_view payload, Revision newest) {
  if (file_->size() >= options_.file_bytes) return false;
  stage(payload, newest);
  return file_->begin(writer_);
}

int Journal::finish() {
  int error = file_->finish(writer_);
  return error == EAGAIN ? error : ended(error);
}

int Journal::ended(int error) {
  if (error == 0) {
    ++next_;
    error = options_.failure ? options_.failure() : 0;
    if (is_full(error)) take_back();
  } else if (is_full(error) && file_->clean_up() != 0) {
    return EIO;
  }
  size_ = file_->size();
  return error;
}

int Journal::take_back() {
  --next_;
  int error = file_->take_back();
  size_ = file_->size();
  return error;
}

void Journal::forget(std::uint64_t sequence) {
  std::lock_guard lock(mutex_);
  // One after the other, so that no loss of power leaves a gap between them.
  while (!older_.empty() && older_.front().last <= sequence) {
    if (::unlink(older_.front().path.c_str()) != 0 && errno != ENOENT) return;
    older_.erase(older_.begin());
    if (sync_directory(options_.directory) != 0) return;
  }
}

std::uint64_t Journal::bytes() const {
  std::lock_guard lock(mutex_);
  std::uint64_t bytes = size_;
  for (const JournalFileInfo& file : older_) bytes += file.size;
  return bytes;
}

}  // namespace storage
