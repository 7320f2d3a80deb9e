// A number of watchers over all the client's connections, each with its own book of what it was
// told.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "bench/stream.h"

namespace bench {

// What all watchers of a group have in common.
struct WatchPlan {
  std::string path;          // of the collection
  std::string since;         // resourceVersion
  std::string prefix = "e";  // objects are called <prefix><number>
  std::size_t expected = 0;  // objects that each watcher must be told of once
  // When object n was sent, for the lag of its events; null: not measured.
  std::shared_ptr<const std::vector<std::atomic<std::int64_t>>> sent;
  std::size_t stalled = 0;  // watchers beside the others that take nothing
};

class WatchGroup {
 public:
  // `count` watchers, spread over the fleet's threads.
  WatchGroup(Fleet& fleet, WatchPlan plan, std::size_t count);
  ~WatchGroup();  // breaks off what is open
  WatchGroup(const WatchGroup&) = delete;
  WatchGroup& operator=(const WatchGroup&) = delete;

  // Opens all watches, each from where its book ends; returns when the server has answered each.
  static Task<> open(WatchGroup* group);
  // Returns once each watcher has been told of `events` objects in all; throws Error if one is told
  // something wrong or ends early, or nothing comes for a minute.
  static Task<> await_events(WatchGroup* group, std::size_t events);
  // Breaks all watches off; open() may follow.
  static Task<> close(WatchGroup* group);

  Histogram lag() const;            // call when closed
  std::uint64_t bytes() const;      // of events, likewise
  std::uint64_t events() const;     // told so far
  std::int64_t last_event() const;  // when the last one came, by now_ns()

 private:
  struct Watcher;
  struct Part;
  static Task<> open_part(std::shared_ptr<Part> part);
  static Task<> close_part(std::shared_ptr<Part> part);

  std::shared_ptr<const WatchPlan> plan_;
  std::vector<std::shared_ptr<Part>> parts_;
};

}  // namespace bench
