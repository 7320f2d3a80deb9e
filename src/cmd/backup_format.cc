#include "cmd/backup_format.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "json/text.h"

namespace cmd {
namespace {

using json::Value;

constexpr std::string_view kMagic = "kcp backup 1\n";
constexpr std::size_t kHash = 32;

void append(std::string& out, std::uint64_t value, int bytes) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) {
    out += static_cast<char>(value >> shift & 0xff);
  }
}

// Takes fields off the front of a frame.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : bytes_(bytes) {}
  bool empty() const { return bytes_.empty(); }
  std::uint64_t number(std::size_t count) {
    std::uint64_t value = 0;
    for (char c : text(count)) value = value << 8 | static_cast<unsigned char>(c);
    return value;
  }
  std::string_view text(std::size_t count) {
    if (count > bytes_.size()) throw Error::bad_request("a frame ends early");
    std::string_view taken = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return taken;
  }
  std::string_view rest() { return std::exchange(bytes_, {}); }

 private:
  std::string_view bytes_;
};

// The file as a stream that is hashed as it is read.
class Source {
 public:
  explicit Source(const std::string& path)
      : path_(path), fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (fd_ < 0) {
      throw Error(Reason::NotFound, fmt::format("cannot read {}: {}", path, std::strerror(errno)));
    }
    ::posix_fadvise(fd_, 0, 0, POSIX_FADV_SEQUENTIAL);
  }
  ~Source() { ::close(fd_); }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  // Up to `count` bytes, fewer at the end only.
  std::string read(std::size_t count) {
    std::string bytes(count, '\0');
    std::size_t have = 0;
    while (have < count) {
      ssize_t got = ::read(fd_, bytes.data() + have, count - have);
      if (got < 0) throw wrong(std::strerror(errno));
      if (got == 0) break;
      have += static_cast<std::size_t>(got);
    }
    bytes.resize(have);
    offset_ += have;
    return bytes;
  }
  std::string take(std::size_t count) {
    std::string bytes = read(count);
    if (bytes.size() < count) throw wrong("it ends early; it was not written to the end");
    hash_.add(bytes);
    return bytes;
  }
  std::string digest() { return hash_.finish(); }
  std::uint64_t offset() const { return offset_; }
  Error wrong(std::string_view why) const {
    return Error::bad_request(
        fmt::format("{} is no sound backup: {} (at byte {})", path_, why, offset_));
  }

 private:
  std::string path_;
  int fd_;
  std::uint64_t offset_ = 0;
  pki::Sha256 hash_;
};

BackupHeader parse_header(std::string_view content) {
  Value value = value_or_throw(json::parse(content));
  if (value["format"].as_int() != 1) throw Error::bad_request("a newer program has written it");
  std::int64_t revision = value["revision"].as_int();
  if (revision < 1) throw Error::bad_request("it has no revision");
  return {storage::Revision{static_cast<std::uint64_t>(revision)}, value["version"].str(),
          value["time"].str()};
}

// Reads what lies in the frames.
class Contents {
 public:
  Contents(const BackupVisitor& visitor, BackupSummary& summary)
      : visitor_(visitor), summary_(summary) {}

  // False after the last frame.
  bool take(char type, std::string_view content) {
    if ((type == 'h') == seen_header_)
      throw Error::bad_request("its header is not where it belongs");
    if (type == 'h') summary_.header = parse_header(content);
    seen_header_ = true;
    if (type == 'f') take_file(Fields(content));
    if (type == 'r') take_records(Fields(content));
    if (!std::string_view("hfre").contains(type)) throw Error::bad_request("an unknown frame");
    if (type == 'e') check_counts(value_or_throw(json::parse(content)));
    return type != 'e';
  }

 private:
  void take_file(Fields fields) {
    std::string name(fields.text(fields.number(4)));
    std::string content(fields.rest());
    if (!is_shard_file(name) || content.size() > kMaxShardFile) {
      throw Error::bad_request("a file that does not belong there");
    }
    ++summary_.files;
    if (visitor_.file) visitor_.file(name, content);
  }

  void take_records(Fields fields) {
    while (!fields.empty()) {
      storage::Record record;
      record.created = storage::Revision{fields.number(8)};
      record.modified = storage::Revision{fields.number(8)};
      record.key = fields.text(fields.number(4));
      record.value = Bytes(std::string(fields.text(fields.number(4))));
      bool ordered = summary_.records == 0 || record.key > last_key_;
      bool dated = record.created <= record.modified && record.modified <= summary_.header.revision;
      if (!ordered || !dated) throw Error::bad_request("a record out of order");
      last_key_ = record.key;
      ++summary_.records;
      if (visitor_.record) visitor_.record(record);
    }
  }

  void check_counts(const Value& counts) const {
    auto count = [&](const char* name) {
      return static_cast<std::uint64_t>(counts[name].as_int());
    };
    if (count("records") != summary_.records || count("files") != summary_.files) {
      throw Error::bad_request("not everything is there");
    }
  }

  const BackupVisitor& visitor_;
  BackupSummary& summary_;
  bool seen_header_ = false;
  std::string last_key_;
};

}  // namespace

std::string BackupWriter::frame(char type, std::string_view content) {
  std::string out;
  out.reserve(content.size() + 5);
  out += type;
  append(out, content.size(), 4);
  out += content;
  hash_.add(out);
  return out;
}

std::string BackupWriter::header(const BackupHeader& header) {
  hash_.add(kMagic);
  Value value = Value::object({{"format", 1},
                               {"revision", static_cast<std::int64_t>(number(header.revision))},
                               {"version", header.version},
                               {"time", header.time}});
  return std::string(kMagic) + frame('h', json::print(value));
}

std::string BackupWriter::file(std::string_view name, std::string_view content) {
  ++files_;
  std::string out;
  append(out, name.size(), 4);
  out.append(name).append(content);
  return frame('f', out);
}

std::string BackupWriter::records(std::span<const storage::Record> records) {
  std::string out;
  for (const storage::Record& record : records) {
    append(out, number(record.created), 8);
    append(out, number(record.modified), 8);
    append(out, record.key.size(), 4);
    out += record.key;
    append(out, record.value.size(), 4);
    out += record.value.view();
  }
  records_ += records.size();
  return frame('r', out);
}

std::string BackupWriter::end() {
  std::string out =
      frame('e', json::print(Value::object({{"records", static_cast<std::int64_t>(records_)},
                                            {"files", static_cast<std::int64_t>(files_)}})));
  return out + hash_.finish();
}

bool is_shard_file(std::string_view name) {
  constexpr std::string_view kFolder = "pki/";
  if (!name.starts_with(kFolder) || name.size() > 100) return false;
  name.remove_prefix(kFolder.size());
  auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  };
  return !name.empty() && name[0] != '.' && std::ranges::all_of(name, allowed);
}

BackupSummary read_backup(const std::string& path, const BackupVisitor& visitor) {
  BackupSummary summary;
  Source source(path);
  if (source.take(kMagic.size()) != kMagic) throw source.wrong("it does not begin like one");
  Contents contents(visitor, summary);
  for (bool more = true; more;) {
    std::string head = source.take(5);
    std::size_t length = Fields(std::string_view(head).substr(1)).number(4);
    if (length > kMaxBackupFrame) throw source.wrong("a frame is too large");
    std::string content = source.take(length);
    std::optional<std::string> failure;
    try {
      more = contents.take(head[0], content);
    } catch (const Error& error) {
      if (error.reason() != Reason::BadRequest) throw;
      failure = error.message();
    }
    if (failure) throw source.wrong(*failure);
  }
  std::string digest = source.digest();
  if (source.read(kHash) != digest) throw source.wrong("its checksum does not match");
  if (!source.read(1).empty()) throw source.wrong("something stands behind its end");
  summary.bytes = source.offset();
  return summary;
}

}  // namespace cmd
