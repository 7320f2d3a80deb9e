#include "storage/rocksdb_format.h"

namespace storage::format {
namespace {

template <int Bytes>
void append_number(std::string& out, std::uint64_t value) {
  for (int shift = (Bytes - 1) * 8; shift >= 0; shift -= 8) {
    out += static_cast<char>(value >> shift & 0xff);
  }
}

std::uint64_t read_number(std::string_view bytes, std::size_t count) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

constexpr char kPresent = 1;
constexpr char kWasPresent = 2;

}  // namespace

std::string encode_number(std::uint64_t value) {
  std::string out;
  append_number<8>(out, value);
  return out;
}

std::optional<std::uint64_t> decode_number(std::string_view bytes) {
  if (bytes.size() < 8) return {};
  return read_number(bytes, 8);
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

std::string log_key(Revision revision, std::uint32_t index) {
  std::string out = encode_number(number(revision));
  append_number<4>(out, index);
  return out;
}

std::string encode_log(const Event& event) {
  std::string out;
  append_number<4>(out, event.key.size());
  out += event.key;
  out += static_cast<char>((event.current ? kPresent : 0) | (event.previous ? kWasPresent : 0));
  if (event.previous) out += encode_record(*event.previous);
  return out;
}

std::optional<LogEntry> decode_log(std::string_view key, std::string_view bytes) {
  if (key.size() != 12 || bytes.size() < 5) return {};
  std::size_t length = read_number(bytes, 4);
  bytes.remove_prefix(4);
  if (bytes.size() < length + 1) return {};
  LogEntry entry;
  entry.revision = Revision{read_number(key, 8)};
  entry.key = bytes.substr(0, length);
  char flags = bytes[length];
  entry.present = flags & kPresent;
  if (flags & kWasPresent) {
    entry.previous = decode_record(entry.key, bytes.substr(length + 1));
    if (!entry.previous) return {};
  }
  return entry;
}

}  // namespace storage::format
