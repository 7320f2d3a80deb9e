// The client's side of a run: connections on each of the client's threads. A fleet is made for one
// server and closed before the server is stopped; what it hands out is bound to the loop of its
// part.
#pragma once

#include <memory>
#include <vector>

#include "bench/connection.h"
#include "net/loop.h"

namespace bench {

// The connections of one thread.
class Squad {
 public:
  Squad(net::IoLoop& loop, Address address) : loop_(loop), address_(std::move(address)) {}
  ~Squad();  // on its loop
  Squad(const Squad&) = delete;
  Squad& operator=(const Squad&) = delete;

  // Opens connections until there are `connections` and they have room for `streams` more requests.
  static Task<> reserve(Squad* squad, std::size_t connections, std::size_t streams);
  // One with room, round robin; null if there is none.
  Connection* pick();
  bool is_usable() const;  // whether any connection takes requests, now or once others have ended
  std::uint64_t bytes_received() const;
  void close_all();

  net::IoLoop& loop() const { return loop_; }
  const Address& address() const { return address_; }

 private:
  std::size_t room() const;

  net::IoLoop& loop_;
  Address address_;
  std::vector<std::shared_ptr<Connection>> connections_;
  std::size_t turn_ = 0;
};

class Fleet {
 public:
  Fleet(net::LoopPool& pool, std::size_t threads, const Address& address);
  ~Fleet();  // what is open is closed soon, on its loop
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  std::size_t size() const { return squads_.size(); }
  Squad& at(std::size_t index) { return *squads_[index]; }
  // Closes all connections and returns when that is done.
  static Task<> close(Fleet* fleet);

 private:
  std::vector<std::unique_ptr<Squad>> squads_;
};

// One answer as a whole, for what is not measured.
struct Answer {
  int status = 0;
  std::string body;
};
struct Question {
  std::string method = "GET", path, body, content_type = "application/json", accept;
};
// On the squad's loop. Throws Error(ServiceUnavailable) if the connection breaks.
Task<Answer> ask(Squad& squad, Question question);

wire::Head make_head(const Address& address, std::string_view method, std::string_view content_type,
                     std::string_view accept = "");
std::int64_t now_ns();  // of the steady clock

}  // namespace bench
