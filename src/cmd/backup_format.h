// The file of a backup: one shard at one revision. It begins with a line that names the format;
// then come frames, each a type, a length (4 bytes, big endian) and a content:
//   h  once, first: JSON with format, revision, version and time
//   f  a small file of the root directory: length of its name (4), name, content
//   r  records: for each, created (8), modified (8), length and bytes of the key (4), of the value
//   (4) e  once, last: JSON with the numbers of records and files
// and at last the SHA-256 of everything before it. The files are the keys of the shard: whoever has
// a backup can do everything.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "pki/digest.h"
#include "storage/store.h"

namespace cmd {

inline constexpr std::size_t kMaxBackupFrame = 32 * 1024 * 1024;
inline constexpr std::size_t kMaxShardFile = 1024 * 1024;

struct BackupHeader {
  storage::Revision revision{};
  std::string version;  // of the program
  std::string time;     // RFC 3339
};

// Makes the pieces of a backup, in this order: header, files, records, end.
class BackupWriter {
 public:
  std::string header(const BackupHeader& header);
  std::string file(std::string_view name, std::string_view content);
  std::string records(std::span<const storage::Record> records);
  std::string end();

 private:
  std::string frame(char type, std::string_view content);

  pki::Sha256 hash_;
  std::uint64_t records_ = 0, files_ = 0;
};

struct BackupSummary {
  BackupHeader header;
  std::uint64_t records = 0, files = 0, bytes = 0;
};

// What read_backup() calls; null = not wanted.
struct BackupVisitor {
  std::function<void(const std::string& name, const std::string& content)> file;
  std::function<void(const storage::Record& record)> record;
};

// Reads the whole file, a frame at a time, and checks everything that can be checked; the checksum
// is known last, so a caller that changes something reads twice. Throws Error(BadRequest) with what
// is wrong and where, Error(NotFound) if there is no such file.
BackupSummary read_backup(const std::string& path, const BackupVisitor& visitor);

// Whether a file of this name belongs to a shard: "pki/ca.crt".
bool is_shard_file(std::string_view name);

}  // namespace cmd
