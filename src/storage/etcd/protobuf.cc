#include "storage/etcd/protobuf.h"

#include "base/error.h"

namespace storage::etcd {
namespace {

enum WireType { kVarint = 0, kFixed64 = 1, kDelimited = 2, kFixed32 = 5 };

Error malformed() { return Error::internal("etcd sent a malformed message"); }

std::uint64_t tag(int field, WireType type) {
  return static_cast<std::uint64_t>(field) << 3 | static_cast<std::uint64_t>(type);
}

}  // namespace

void MessageWriter::varint(std::uint64_t value) {
  while (value >= 0x80) {
    text_.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  text_.push_back(static_cast<char>(value));
}

void MessageWriter::number(int field, std::uint64_t value) {
  if (value != 0) present_number(field, value);
}

void MessageWriter::present_number(int field, std::uint64_t value) {
  varint(tag(field, kVarint));
  varint(value);
}

void MessageWriter::delimited(int field, std::string_view value) {
  varint(tag(field, kDelimited));
  varint(value.size());
  text_.append(value);
}

void MessageWriter::bytes(int field, std::string_view value) {
  if (!value.empty()) delimited(field, value);
}

void MessageWriter::message(int field, const MessageWriter& value) {
  delimited(field, value.text());
}

std::uint64_t MessageReader::varint() {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (rest_.empty()) throw malformed();
    auto byte = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  throw malformed();
}

std::string_view MessageReader::take(std::uint64_t count) {
  if (count > rest_.size()) throw malformed();
  std::string_view taken = rest_.substr(0, count);
  rest_.remove_prefix(count);
  return taken;
}

std::optional<Field> MessageReader::next() {
  while (!rest_.empty()) {
    std::uint64_t key = varint();
    std::uint64_t number = key >> 3;
    if (number == 0 || number > 536'870'911) throw malformed();
    Field field{static_cast<int>(number)};
    switch (key & 7) {
      case kVarint: field.value = varint(); return field;
      case kDelimited: field.bytes = take(varint()); return field;
      case kFixed64: take(8); break;
      case kFixed32: take(4); break;
      default: throw malformed();
    }
  }
  return {};
}

}  // namespace storage::etcd
