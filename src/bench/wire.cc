#include "bench/wire.h"

#include <algorithm>

namespace bench::wire {
namespace {

constexpr std::size_t kMaxFrame = 16U << 20;

// Indices of the static table (RFC 7541, appendix A).
constexpr int kAuthority = 1, kMethod = 2, kPath = 4;
constexpr unsigned char kGet = 0x82, kPost = 0x83, kHttps = 0x87;

// An integer with a prefix of `bits` bits (RFC 7541, 5.1); `first` holds what stands before them.
void append_integer(std::string& out, int first, int bits, std::size_t value) {
  std::size_t limit = (1U << bits) - 1;
  if (value < limit) {
    out += static_cast<char>(first | static_cast<int>(value));
    return;
  }
  out += static_cast<char>(first | static_cast<int>(limit));
  for (value -= limit; value >= 128; value >>= 7) out += static_cast<char>(value % 128 + 128);
  out += static_cast<char>(value);
}

void append_text(std::string& out, std::string_view text) {
  append_integer(out, 0, 7, text.size());
  out += text;
}

void append_literal(std::string& out, int name_index, std::string_view value) {
  append_integer(out, 0, 4, static_cast<std::size_t>(name_index));
  append_text(out, value);
}

// Three digits in the code of RFC 7541, appendix B: 0-2 have five bits, the others six.
std::optional<int> huffman_digits(std::string_view bytes) {
  std::uint32_t bits = 0;
  int count = 0;
  for (char byte : bytes.substr(0, 3)) {
    bits = bits << 8 | static_cast<unsigned char>(byte);
    count += 8;
  }
  int number = 0;
  for (int i = 0; i < 3; ++i) {
    if (count < 5) return std::nullopt;
    std::uint32_t five = bits >> (count - 5) & 31;
    if (five <= 2) {
      number = number * 10 + static_cast<int>(five);
      count -= 5;
      continue;
    }
    if (count < 6) return std::nullopt;
    std::uint32_t six = bits >> (count - 6) & 63;
    if (six < 25 || six > 31) return std::nullopt;
    number = number * 10 + static_cast<int>(six) - 22;
    count -= 6;
  }
  return number;
}

std::optional<int> plain_digits(std::string_view bytes) {
  if (bytes.size() != 3) return std::nullopt;
  int number = 0;
  for (char digit : bytes) {
    if (digit < '0' || digit > '9') return std::nullopt;
    number = number * 10 + (digit - '0');
  }
  return number;
}

}  // namespace

void append_u32(std::string& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 255);
}

std::uint32_t read_u32(std::string_view bytes) {
  std::uint32_t value = 0;
  for (char byte : bytes.substr(0, 4)) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

void append_frame_head(std::string& out, std::size_t length, FrameType type, int flags,
                       std::uint32_t stream) {
  append_u32(out, static_cast<std::uint32_t>(length << 8 | type));
  out += static_cast<char>(flags);
  append_u32(out, stream);
}

void append_setting(std::string& out, std::uint16_t name, std::uint32_t value) {
  out += static_cast<char>(name >> 8);
  out += static_cast<char>(name & 255);
  append_u32(out, value);
}

Head::Head(std::string_view method, std::string_view authority, const std::vector<Field>& fields) {
  if (method == "GET") {
    before_ += static_cast<char>(kGet);
  } else if (method == "POST") {
    before_ += static_cast<char>(kPost);
  } else {
    append_literal(before_, kMethod, method);
  }
  before_ += static_cast<char>(kHttps);
  append_literal(before_, kAuthority, authority);
  for (const Field& field : fields) {
    behind_ += '\0';
    append_text(behind_, field.name);
    append_text(behind_, field.value);
  }
}

void Head::print(std::string_view path, std::string& block) const {
  block = before_;
  append_literal(block, kPath, path);
  block += behind_;
}

std::optional<int> parse_status(std::string_view block) {
  auto byte = [&](std::size_t at) { return static_cast<unsigned char>(block[at]); };
  while (!block.empty() && (byte(0) & 0xe0) == 0x20) {  // size updates of the dynamic table
    std::size_t length = 1;
    if ((byte(0) & 0x1f) == 0x1f) {
      while (length < block.size() && (byte(length) & 0x80) != 0) ++length;
      ++length;
    }
    block.remove_prefix(std::min(length, block.size()));
  }
  if (block.empty()) return std::nullopt;
  constexpr int kIndexed[] = {200, 204, 206, 304, 400, 404, 500};
  if (byte(0) >= 0x88 && byte(0) <= 0x8e) return kIndexed[byte(0) - 0x88];
  // A literal, to be indexed or not or never, named by any of the entries that are called :status:
  // nghttp2 takes the first of them, Go the last.
  bool literal = (byte(0) >= 0x40 && byte(0) < 0x80) || byte(0) < 0x20;
  int name = byte(0) & (byte(0) >= 0x40 ? 0x3f : 0x0f);
  if (!literal || name < 8 || name > 14 || block.size() < 2) return std::nullopt;
  std::size_t length = byte(1) & 0x7f;
  bool huffman = (byte(1) & 0x80) != 0;
  if (length > 3 || block.size() < 2 + length) return std::nullopt;
  std::string_view value = block.substr(2, length);
  return huffman ? huffman_digits(value) : plain_digits(value);
}

bool FrameReader::feed(std::string_view bytes, Sink& sink) {
  while (!broken_) {
    if (!in_payload_) {
      std::size_t take = std::min(kFrameHead - gathered_.size(), bytes.size());
      std::string_view head = bytes.substr(0, take);
      bytes.remove_prefix(take);
      if (take < kFrameHead) {
        gathered_ += head;
        if (gathered_.size() < kFrameHead) return true;
        head = gathered_;
      }
      if (!begin(head, sink)) broken_ = true;
      continue;
    }
    if (bytes.empty()) return true;
    std::string_view piece = bytes.substr(0, left_);
    bytes.remove_prefix(piece.size());
    take_payload(piece, sink);
  }
  return false;
}

bool FrameReader::begin(std::string_view head, Sink& sink) {
  frame_.length = read_u32(head) >> 8;
  frame_.type = static_cast<std::uint8_t>(head[3]);
  frame_.flags = static_cast<std::uint8_t>(head[4]);
  frame_.stream = read_u32(head.substr(5)) & 0x7fffffff;
  gathered_.clear();
  if (frame_.length > kMaxFrame) return false;
  left_ = frame_.length;
  in_payload_ = true;
  if (left_ == 0) take_payload({}, sink);
  return true;
}

void FrameReader::take_payload(std::string_view piece, Sink& sink) {
  left_ -= piece.size();
  bool last = left_ == 0;
  if (last) in_payload_ = false;
  if (frame_.type == kData && (frame_.flags & kPadded) == 0) {
    sink.on_data(frame_, piece, last);
    return;
  }
  if (last && gathered_.empty()) {
    sink.on_frame(frame_, piece);
    return;
  }
  gathered_ += piece;
  if (!last) return;
  std::string payload = std::exchange(gathered_, {});
  sink.on_frame(frame_, payload);
}

}  // namespace bench::wire
