#include "storage/journal_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <map>
#include <memory>

#include "base/error.h"
#include "base/strings.h"

namespace storage {
namespace {

constexpr const char* kExtension = ".journal";
constexpr std::uint64_t kMaxSkipped = 1 << 20;  // records between damage and a record behind it

Error failure(const std::string& path) {
  return {Reason::ServiceUnavailable,
          fmt::format("cannot read {}: {}", path, std::strerror(errno))};
}

std::string content_of(const std::string& path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw failure(path);
  std::unique_ptr<const int, void (*)(const int*)> closing(&fd, [](auto* f) { ::close(*f); });
  off_t size = ::lseek(fd, 0, SEEK_END);
  if (size < 0) throw failure(path);
  std::string content(static_cast<std::size_t>(size), '\0');
  for (std::size_t have = 0; have < content.size();) {
    ssize_t count =
        ::pread(fd, content.data() + have, content.size() - have, static_cast<off_t>(have));
    if (count < 0) throw failure(path);
    if (count == 0) break;
    have += static_cast<std::size_t>(count);
  }
  return content;
}

// As fast as memory is read: compares the bytes with themselves, one further.
bool all_zero(std::string_view bytes) {
  return bytes.empty() ||
         (bytes[0] == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

// Goes from record to record of one file.
class FileReader {
 public:
  explicit FileReader(const std::string& path) : content_(content_of(path)) {
    auto salt = journal::salt_of(content_);
    if (salt) {
      salt_ = *salt;
      at_ = journal::kFileHeader;
    } else if (!all_zero(content_)) {  // zeros: it was made when power was lost
      damage_ = 0;
      // Without the salt no record can be known. The header was there before the first of them.
      more_behind_ = content_.size() > journal::kFileHeader &&
                     !all_zero(std::string_view(content_).substr(journal::kFileHeader));
    }
  }

  std::optional<journal::Record> next() {
    if (at_ == 0 || damage_) return {};
    std::string_view rest = std::string_view(content_).substr(at_);
    auto record = journal::decode_record(salt_, rest);
    bool follows = record && (last_ == 0 || record->sequence == last_ + 1);
    if (follows) {
      at_ += journal::kRecordHeader + record->payload.size();
      last_ = record->sequence;
      return record;
    }
    if (record || !all_zero(rest)) {
      damage_ = at_;
      more_behind_ = record || record_behind(rest.substr(1));
    }
    return {};
  }

  // Once next() has given nothing.
  std::optional<std::uint64_t> damage() const { return damage_; }
  bool more_behind() const { return more_behind_; }
  std::uint64_t last() const { return last_; }
  std::uint64_t whole() const { return at_; }
  std::uint64_t size() const { return content_.size(); }

 private:
  // Any whole record behind damage shows that the damaged one had been complete.
  bool record_behind(std::string_view bytes) const {
    for (; bytes.size() >= journal::kRecordHeader; bytes.remove_prefix(1)) {
      std::uint64_t sequence = journal::sequence_at(bytes);
      bool possible =
          last_ == 0 ? sequence != 0 : sequence > last_ + 1 && sequence - last_ <= kMaxSkipped;
      if (possible && journal::decode_record(salt_, bytes)) return true;
    }
    return false;
  }

  std::string content_, salt_;
  std::size_t at_ = 0;
  std::uint64_t last_ = 0;
  std::optional<std::uint64_t> damage_;
  bool more_behind_ = false;
};

std::map<std::uint64_t, std::string> journal_files(const std::string& directory) {
  std::map<std::uint64_t, std::string> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    if (entry.path().extension() != kExtension) continue;
    if (auto number = parse_u64(entry.path().stem().string())) files[*number] = entry.path();
  }
  return files;
}

// Reads one file to its end. False: damage, the verdict says where.
bool judge_file(const std::string& path, std::uint64_t number, JournalVerdict& verdict) {
  using State = JournalVerdict::State;
  FileReader file(path);
  while (auto record = file.next()) {
    if (verdict.first == 0) verdict.first = record->sequence;
    if (verdict.last != 0 && record->sequence != verdict.last + 1) {
      verdict.state = State::Damaged;  // what was between is missing
      if (verdict.place.empty()) verdict.place = fmt::format("{} at byte 0", path);
      return false;
    }
    // What was torn in an earlier file was not acknowledged if this one goes on in its place.
    verdict.state = State::Whole;
    verdict.last = record->sequence;
    verdict.newest = record->newest;
  }
  if (auto damage = file.damage()) {
    verdict.state = file.more_behind() ? State::Damaged : State::Torn;
    verdict.place = fmt::format("{} at byte {}", path, *damage);
  }
  verdict.files.push_back({path, number, file.last(), file.whole(), file.size()});
  return verdict.state != State::Damaged;
}

}  // namespace

JournalVerdict judge_journal(const std::string& directory) {
  JournalVerdict verdict;
  for (const auto& [number, path] : journal_files(directory)) {
    if (!judge_file(path, number, verdict)) break;
  }
  return verdict;
}

void read_journal(const std::vector<JournalFileInfo>& files, std::uint64_t after,
                  const std::function<void(const journal::Record&)>& take) {
  for (const JournalFileInfo& info : files) {
    if (info.last <= after) continue;
    FileReader file(info.path);
    while (auto record = file.next()) {
      if (record->sequence > after) take(*record);
    }
  }
}

std::string journal_path(const std::string& directory, std::uint64_t number) {
  return fmt::format("{}/{:010}{}", directory, number, kExtension);
}

}  // namespace storage
