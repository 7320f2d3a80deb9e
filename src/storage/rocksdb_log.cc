#include "storage/rocksdb_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/strings.h"
#include "storage/crc32c.h"

namespace storage {
namespace {

constexpr std::size_t kBlock = 32 * 1024;
constexpr std::size_t kHeader = 7;     // checksum (4), length (2), type (1)
constexpr std::size_t kPreamble = 12;  // of a record: sequence (8), number of keys (4)

enum Type : unsigned char { kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

std::uint64_t little(std::string_view bytes, std::size_t count) {
  std::uint64_t value = 0;
  for (std::size_t i = count; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

// One piece of a record. A record is one Full piece, or First, Middle..., Last in as many blocks.
struct Piece {
  Type type{};
  std::string_view payload;
  bool begins() const { return type == kFull || type == kFirst; }
  bool ends() const { return type == kFull || type == kLast; }
};

// The piece at the front of `bytes`, which end with the block; nothing if there is no whole one.
std::optional<Piece> piece_at(std::string_view bytes) {
  if (bytes.size() < kHeader) return {};
  std::size_t length = little(bytes.substr(4), 2);
  auto type = static_cast<unsigned char>(bytes[6]);
  if (type < kFull || type > kLast || length > bytes.size() - kHeader) return {};
  std::uint32_t crc = crc32c(bytes.substr(6, 1 + length));
  std::uint32_t masked = (crc >> 15 | crc << 17) + 0xa282ead8u;
  if (masked != little(bytes, 4)) return {};
  return Piece{static_cast<Type>(type), bytes.substr(kHeader, length)};
}

// As fast as memory is read: compares the bytes with themselves, one further.
bool all_zero(std::string_view bytes) {
  return bytes.empty() ||
         (bytes[0] == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

// Reads the blocks of one file and follows its records.
class FileJudge {
 public:
  explicit FileJudge(std::string path) : path_(std::move(path)) {}

  void run() {
    int fd = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) throw failure();
    std::unique_ptr<const int, void (*)(const int*)> closing(&fd, [](auto* f) { ::close(*f); });
    ::posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    std::string buffer(32 * kBlock, '\0');
    std::size_t have = buffer.size();
    for (std::uint64_t offset = 0; have == buffer.size(); offset += have) {
      have = fill(fd, buffer, offset);
      std::string_view bytes(buffer.data(), have);
      for (std::size_t at = 0; at < have; at += kBlock) {
        read_block(bytes.substr(at, kBlock), offset + at);
      }
    }
    if (in_record_) note_damage(record_start_);
  }

  // Where the first damage is; whether a record begins behind it.
  std::optional<std::uint64_t> damage;
  bool more_behind = false;
  // The sequence with which the file begins, and the one that comes next; 0 if it has no record.
  std::uint64_t first = 0, next = 0;

 private:
  Error failure() const {
    return {Reason::ServiceUnavailable,
            fmt::format("cannot read {}: {}", path_, std::strerror(errno))};
  }

  // Less than the whole buffer at the end of the file only.
  std::size_t fill(int fd, std::string& buffer, std::uint64_t offset) const {
    std::size_t have = 0;
    while (have < buffer.size()) {
      auto place = static_cast<off_t>(offset + have);
      ssize_t count = ::pread(fd, buffer.data() + have, buffer.size() - have, place);
      if (count < 0) throw failure();
      if (count == 0) break;
      have += static_cast<std::size_t>(count);
    }
    return have;
  }

  void note_damage(std::uint64_t offset) {
    if (!damage) damage = offset;
    in_record_ = false;
  }

  void read_block(std::string_view block, std::uint64_t offset) {
    if ((damage || room_) && all_zero(block)) return;
    for (std::size_t at = 0; at < block.size();) {
      std::string_view rest = block.substr(at);
      auto piece = piece_at(rest);
      if (piece) {
        take(*piece, offset + at);
        at += kHeader + piece->payload.size();
        continue;
      }
      // A block ends with fewer zeros than a header has bytes.
      bool trailer = block.size() == kBlock && rest.size() < kHeader;
      if (all_zero(rest) && (trailer || !in_record_)) {
        if (!trailer && !room_) room_ = offset + at;
        return;
      }
      note_damage(in_record_ ? record_start_ : room_.value_or(offset + at));
      search(rest.substr(1));
      return;
    }
  }

  // Behind damage: any whole piece that begins a record shows that the damaged one was complete.
  void search(std::string_view bytes) {
    for (; !more_behind && bytes.size() >= kHeader; bytes.remove_prefix(1)) {
      auto piece = piece_at(bytes);
      more_behind = piece && piece->begins();
    }
  }

  void take(const Piece& piece, std::uint64_t offset) {
    if (room_ && !damage) note_damage(*room_);  // it was no room: something is missing
    if (damage) {
      more_behind = more_behind || piece.begins();
      return;
    }
    if (piece.begins() == in_record_) {  // a record inside another, or a piece of none
      note_damage(in_record_ ? record_start_ : offset);
      more_behind = piece.begins();
      return;
    }
    if (piece.begins()) {
      in_record_ = true;
      record_start_ = offset;
      preamble_.clear();
    }
    preamble_.append(piece.payload.substr(0, kPreamble - preamble_.size()));
    if (piece.ends()) end_record();
  }

  void end_record() {
    in_record_ = false;
    if (preamble_.size() < kPreamble) return note_damage(record_start_);
    std::uint64_t sequence = little(preamble_, 8);
    std::uint64_t keys = little(std::string_view(preamble_).substr(8), 4);
    if (first == 0) {
      first = sequence;
    } else if (sequence != next) {  // one in between is missing
      note_damage(record_start_);
      more_behind = true;
      return;
    }
    next = sequence + keys;
  }

  std::string path_;
  // Where zeros begin in place of a record: the room ahead, if nothing follows.
  std::optional<std::uint64_t> room_;
  bool in_record_ = false;
  std::uint64_t record_start_ = 0;
  std::string preamble_;
};

std::map<std::uint64_t, std::string> log_files(const std::string& directory) {
  std::map<std::uint64_t, std::string> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    if (entry.path().extension() != ".log") continue;
    if (auto number = parse_u64(entry.path().stem().string())) files[*number] = entry.path();
  }
  return files;
}

}  // namespace

LogVerdict judge_log(const std::string& directory) {
  using State = LogVerdict::State;
  LogVerdict verdict;
  std::uint64_t next = 0;
  for (const auto& [number, path] : log_files(directory)) {
    FileJudge file(path);
    file.run();
    if (verdict.state == State::Torn && file.first != 0) {
      // What was torn in an earlier file was not acknowledged if this file goes on in its place.
      verdict.state = file.first == next ? State::Whole : State::Damaged;
    }
    if (verdict.state == State::Damaged) return verdict;
    if (file.damage) {
      verdict.state = file.more_behind ? State::Damaged : State::Torn;
      verdict.place = fmt::format("{} at byte {}", path, *file.damage);
    }
    if (verdict.state == State::Damaged) return verdict;
    if (file.next != 0) next = file.next;
  }
  return verdict;
}

}  // namespace storage
