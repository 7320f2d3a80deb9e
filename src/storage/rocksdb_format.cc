#include "storage/rocksdb_format.h"

namespace storage::format {
namespace {

template <int Bytes>
void append_number(std::string& out, std::uint64_t value) {
  for (int shift = (Bytes - 1) * 8; shift >= 0; shift -= 8) {
    out += static_cast<char>(value >> shift & 0xff);
  }
}

constexpr char kPresent = 1;
constexpr char kWasPresent = 2;

}  // namespace

std::uint64_t read_number(std::string_view bytes, std::size_t count) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

std::string encode_number(std::uint64_t value) {
  std::string out;
  append_number<8>(out, value);
  return out;
}

std::optional<std::uint64_t> decode_number(std::string_view bytes) {
  if (bytes.size() < 8) return {};
  return read_number(bytes, 8);
}

std::string encode_newest(Revision newest, std::uint64_t journal) {
  return encode_number(number(newest)) + encode_number(journal);
}

std::uint64_t decode_journal(std::string_view newest) {
  return newest.size() < 16 ? 0 : read_number(newest.substr(8), 8);
}

std::string encode_record(const Record& record) {
  std::string out;
  out.reserve(16 + record.value.size());
  append_number<8>(out, number(record.created));
  append_number<8>(out, number(record.modified));
  return out.append(record.value.view());
}

std::optional<Record> decode_record(std::string key, std::string_view bytes) {
  if (bytes.size() < 16) return {};
  return Record{std::move(key), Bytes(std::string(bytes.substr(16))),
                Revision{read_number(bytes, 8)}, Revision{read_number(bytes.substr(8), 8)}};
}

std::optional<RecordView> view_record(std::string_view key, std::string_view bytes) {
  if (bytes.size() < 16) return {};
  return RecordView{key, bytes.substr(16), Revision{read_number(bytes, 8)},
                    Revision{read_number(bytes.substr(8), 8)}};
}

std::string log_key(Revision revision) { return encode_number(number(revision)); }

std::string encode_log(std::string_view key, Present present,
                       const std::optional<Record>& previous) {
  std::string out;
  append_number<4>(out, key.size());
  out += key;
  out += static_cast<char>((present == Present::Yes ? kPresent : 0) | (previous ? kWasPresent : 0));
  if (previous) out += encode_record(*previous);
  return out;
}

std::optional<std::string_view> key_of_log(std::string_view bytes) {
  if (bytes.size() < 5) return {};
  std::size_t length = read_number(bytes, 4);
  if (bytes.size() - 4 < length + 1) return {};
  return bytes.substr(4, length);
}

std::optional<LogEntry> decode_log(std::string_view key, std::string_view bytes) {
  bool with_index = key.size() == 12;  // format 1
  auto object = key_of_log(bytes);
  if ((key.size() != 8 && !with_index) || !object) return {};
  bytes.remove_prefix(4 + object->size());
  LogEntry entry;
  entry.revision = Revision{read_number(key, 8)};
  entry.key = *object;
  char flags = bytes[0];
  entry.present = flags & kPresent;
  if (flags & kWasPresent) {
    entry.previous = decode_record(entry.key, bytes.substr(1));
    if (!entry.previous) return {};
  }
  return entry;
}

}  // namespace storage::format
