// Protocol Buffers' wire format, as far as etcd's messages need it: varints and length-delimited
// fields. Pure. Source: protobuf.dev, "Encoding".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace storage::etcd {

// Appends fields to a message. As in proto3, numbers and booleans of value zero are left out.
class MessageWriter {
 public:
  void number(int field, std::uint64_t value);
  // The same, also when it is zero: for members of a oneof, where presence tells which.
  void present_number(int field, std::uint64_t value);
  void bytes(int field, std::string_view value);  // "" is left out
  void message(int field, const MessageWriter& value);

  const std::string& text() const { return text_; }
  std::string take() { return std::move(text_); }

 private:
  void varint(std::uint64_t value);
  void delimited(int field, std::string_view value);

  std::string text_;
};

struct Field {
  int number = 0;
  std::uint64_t value = 0;  // of a varint, else 0
  std::string_view bytes;   // of a length-delimited field, else ""; within the message

  std::int64_t signed_value() const { return static_cast<std::int64_t>(value); }
};

// Reads a message field by field, in the order of the wire. Fields of other wire types are skipped.
class MessageReader {
 public:
  explicit MessageReader(std::string_view message) : rest_(message) {}

  // The next field, or nothing at the end. Throws Error(InternalError) if the bytes are no message.
  std::optional<Field> next();

 private:
  std::uint64_t varint();
  std::string_view take(std::uint64_t count);

  std::string_view rest_;
};

}  // namespace storage::etcd
