// The little of HTTP/2 that a load generator needs, without a library: request heads as literals
// that are made once, frames cut out of a byte stream, the status of a response. Source: RFC 9113,
// RFC 7541.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bench::wire {

enum FrameType : std::uint8_t {
  kData = 0,
  kHeaders = 1,
  kRstStream = 3,
  kSettings = 4,
  kPing = 6,
  kGoAway = 7,
  kWindowUpdate = 8,
  kContinuation = 9,
};
enum Flag : std::uint8_t { kEndStream = 1, kAck = 1, kEndHeaders = 4, kPadded = 8, kPriority = 32 };

inline constexpr std::size_t kFrameHead = 9;
inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

void append_u32(std::string& out, std::uint32_t value);
std::uint32_t read_u32(std::string_view bytes);  // requires four bytes
void append_frame_head(std::string& out, std::size_t length, FrameType type, int flags,
                       std::uint32_t stream);
void append_setting(std::string& out, std::uint16_t name, std::uint32_t value);

// A request's head but for its path: made once, printed for many requests.
struct Field {
  std::string name, value;  // lower case name
};
class Head {
 public:
  Head(std::string_view method, std::string_view authority, const std::vector<Field>& fields);
  // Puts the header block of a request for `path` into `block`, replacing what is there.
  void print(std::string_view path, std::string& block) const;

 private:
  std::string before_, behind_;  // the path: pseudo-header fields stand before all others
};

// The status that a response's header block begins with; nothing if it is not there. The block must
// be of a peer that was told to use no dynamic table.
std::optional<int> parse_status(std::string_view block);

// Cuts a byte stream into frames. The payload of DATA is handed on as it comes, every other frame
// as a whole.
class FrameReader {
 public:
  struct Frame {
    std::uint8_t type = 0, flags = 0;
    std::uint32_t stream = 0;
    std::size_t length = 0;  // of the whole payload
  };
  class Sink {
   public:
    virtual ~Sink() = default;
    virtual void on_frame(const Frame& frame, std::string_view payload) = 0;
    virtual void on_data(const Frame& frame, std::string_view piece, bool is_last) = 0;
  };
  // Returns false once a frame is longer than this client allowed (16 MiB); the rest is ignored.
  bool feed(std::string_view bytes, Sink& sink);

 private:
  bool begin(std::string_view head, Sink& sink);
  void take_payload(std::string_view piece, Sink& sink);

  std::string gathered_;  // a frame's head, or a payload that is not DATA's
  Frame frame_;
  std::size_t left_ = 0;  // of the payload
  bool in_payload_ = false;
  bool broken_ = false;
};

}  // namespace bench::wire
