// The DNS server under load: a server on a thread of its own, a zone of managed hosts, and clients
// that keep batches of questions in flight over UDP and check every answer.
#pragma once

#include <cstddef>

#include "base/task.h"
#include "net/loop.h"

namespace bench {

struct DnsFigures {
  std::size_t answers = 0;
  std::size_t lost = 0;  // questions without an answer within a second
  double seconds = 0;
  double server_cpu_seconds = 0;
};

// Asks `questions` questions from `loop` to a server on `server_loop`, another thread's.
Task<DnsFigures> drive_dns(net::IoLoop& loop, net::IoLoop& server_loop, std::size_t questions);

}  // namespace bench
