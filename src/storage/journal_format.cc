#include "storage/journal_format.h"

#include "storage/crc32c.h"
#include "storage/rocksdb_format.h"

namespace storage::journal {
namespace {

constexpr std::string_view kMagic = "kcpjrnl1";
constexpr std::size_t kSalt = 8;

std::string encode_32(std::uint64_t value) { return format::encode_number(value).substr(4); }

}  // namespace

std::string encode_file_header(std::string_view salt) {
  std::string header(kMagic);
  header += salt;
  return header + encode_32(crc32c(header));
}

std::optional<std::string> salt_of(std::string_view file) {
  std::string salt(file.substr(0, kFileHeader));
  if (salt.size() < kFileHeader) return {};
  salt = salt.substr(kMagic.size(), kSalt);
  if (file.substr(0, kFileHeader) != encode_file_header(salt)) return {};
  return salt;
}

std::string encode_record_header(std::string_view salt, const Record& record) {
  std::string rest = encode_32(record.payload.size());
  rest += format::encode_number(record.sequence);
  rest += format::encode_number(number(record.newest));
  std::uint32_t checksum = crc32c(record.payload, crc32c(rest, crc32c(salt)));
  return encode_32(checksum) + rest;
}

std::optional<Record> decode_record(std::string_view salt, std::string_view bytes) {
  if (bytes.size() < kRecordHeader) return {};
  std::uint64_t length = format::read_number(bytes.substr(4), 4);
  if (length > bytes.size() - kRecordHeader) return {};
  bytes = bytes.substr(0, kRecordHeader + length);
  if (crc32c(bytes.substr(4), crc32c(salt)) != format::read_number(bytes, 4)) return {};
  return Record{sequence_at(bytes), Revision{format::read_number(bytes.substr(16), 8)},
                bytes.substr(kRecordHeader)};
}

std::uint64_t sequence_at(std::string_view bytes) {
  return bytes.size() < kRecordHeader ? 0 : format::read_number(bytes.substr(8), 8);
}

}  // namespace storage::journal
