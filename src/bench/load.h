// Driving one kind of request: closed loop (so many in flight until a count is done) for rates,
// open loop (so many a second, whatever comes back) for latencies. No coroutine, no tree, no
// allocation of its own for a request.
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "bench/fleet.h"
#include "bench/histogram.h"

namespace bench {

struct Load {
  std::string method = "GET";
  std::string content_type = "application/json";
  std::string accept = "application/json";
  std::size_t operations = 0;
  std::size_t in_flight = 1;  // closed loop: of all threads together
  double rate = 0;            // > 0: open loop, so many a second of all threads together
  int expected_status = 200;
  int not_yet_status = 429;  // beside 429: the server is not there yet, the request goes again
  // Fills in path and body of operation n; both come with what they held before. Called on any of
  // the client's threads.
  std::function<void(std::size_t n, std::string& path, std::string& body)> make;
  // Judges an answer's body; null: its bytes are only counted. Any of the client's threads.
  std::function<bool(std::size_t n, std::string_view body)> check;
  // Hears of each operation that was answered as expected. Any of the client's threads.
  std::function<void(std::size_t n)> done;
  // A connection that breaks ends the load instead of failing it: for servers that get killed.
  bool may_break = false;
};

struct Outcome {
  Histogram latency;
  double seconds = 0;
  std::size_t operations = 0;  // that succeeded
  std::size_t refused = 0;     // answered 429, or that it is not there yet, and tried again
  std::uint64_t bytes = 0;     // received, as they were on the connection
};

// Throws Error with the first answer that is not as expected.
Task<Outcome> drive(Fleet* fleet, Load load);

}  // namespace bench
