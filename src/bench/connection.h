// A connection for load: HTTP/2 over TLS with as little work for each request as can be. Answers
// come by callbacks in the loop's turn in which they arrive; what a turn asks for goes out in one
// write. Bound to its loop. For everything but measuring there is http::Client.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/task.h"
#include "bench/wire.h"
#include "net/stream.h"

namespace bench {

// Where a server is and how to show who asks.
struct Address {
  std::string host;
  std::uint16_t port = 0;
  std::shared_ptr<const net::TlsContext> tls;
  std::string authorization;  // "Bearer ..." or "" if a certificate does

  std::string authority() const;
};

// One request under way. Belongs to its maker, and must outlive on_end() or Connection::cancel().
class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual void on_head(int status) = 0;
  virtual void on_data(std::string_view piece) = 0;
  // The last call: whether the answer came to its end, or was broken off.
  virtual void on_end(bool complete) = 0;
  // A reader that takes nothing more: its stream's window is not opened again.
  bool stalled = false;
  // Bytes that the server may send unasked: at least the first value. Constant.
  std::uint32_t window = kWindow;
  static constexpr std::uint32_t kWindow = 1U << 20;
};

class Connection final : public std::enable_shared_from_this<Connection>,
                         private wire::FrameReader::Sink {
 public:
  // Returns once the server's settings are known. Throws Error(ServiceUnavailable).
  static Task<std::shared_ptr<Connection>> open(net::IoLoop& loop, Address address);
  ~Connection() override;
  // Ends it; exchanges that are open hear nothing any more. Call on its loop, before dropping it.
  void close();

  // Requests that fit in now; 0 once the connection is ending.
  std::size_t room() const;
  std::size_t open_streams() const { return streams_.size(); }
  bool usable() const { return !ended_ && !going_away_; }
  // Requires room() > 0. `block` is a header block (wire::Head); an empty body sends none.
  std::uint32_t send(std::string_view block, std::string_view body, Exchange& exchange);
  void cancel(std::uint32_t stream);  // its exchange hears nothing any more
  std::uint64_t bytes_received() const { return bytes_received_; }

 private:
  struct Stream {
    Exchange* exchange = nullptr;
    std::uint32_t taken = 0;  // bytes the window was not opened for yet
    std::int64_t window = 0;  // bytes that may be sent
    std::string body;         // what of it is still to be sent
    bool has_head = false;
  };
  explicit Connection(std::unique_ptr<net::Stream> stream);

  static Task<> wait_for_settings(std::shared_ptr<Connection> self);
  static Task<> read_all(std::shared_ptr<Connection> self);
  static Task<> write_all(std::shared_ptr<Connection> self);
  static Task<> flush(std::shared_ptr<Connection> self);
  void fail();
  void wake_writer();
  void send_body(std::uint32_t id, Stream& stream);
  void send_bodies();
  void open_window(std::uint32_t id, std::uint32_t& taken, std::uint32_t window);
  void append_window_update(std::uint32_t id, std::uint32_t more);
  void end(std::uint32_t id, bool complete);
  void update_window(std::uint32_t id, std::string_view payload);
  void take_settings(std::string_view payload);
  void take_head(std::uint32_t id, std::string_view block, bool is_last);
  void on_frame(const wire::FrameReader::Frame& frame, std::string_view payload) override;
  void on_headers(const wire::FrameReader::Frame& frame, std::string_view payload);
  void on_data(const wire::FrameReader::Frame& frame, std::string_view piece,
               bool is_last) override;

  std::unique_ptr<net::Stream> stream_;
  wire::FrameReader reader_;
  std::unordered_map<std::uint32_t, Stream> streams_;
  std::deque<std::uint32_t> blocked_;  // streams with a body that waits for a window
  std::string output_, block_;         // to be written; a header block in several frames
  std::uint8_t block_flags_ = 0;
  std::uint32_t next_stream_ = 1;
  std::uint32_t max_streams_ = 100, peer_window_ = 65'535, peer_frame_ = 16'384;
  std::int64_t window_ = 65'535;  // of the connection, for sending
  std::uint32_t taken_ = 0;
  std::uint64_t bytes_received_ = 0;
  std::optional<Resolver<Done>> writer_, settings_waiter_;
  bool has_settings_ = false, ended_ = false, going_away_ = false, writing_ = false;
};

}  // namespace bench
