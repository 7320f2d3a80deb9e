// The server under measurement: a `kcp start` of our own in a fresh directory, watched from
// outside.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "client/client.h"
#include "net/loop.h"

namespace cmd::bench {

class Target {
 public:
  // Starts the program at `executable`; throws Error if it is not ready within a minute.
  explicit Target(std::string executable);
  ~Target();  // stops it and removes the directory
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  // A connection of its own, at "/clusters/<path>".
  client::Client connect(net::IoLoop& loop, const std::string& path) const;
  void restart();  // kills and starts again on the same data; see ready_seconds()
  double ready_seconds() const { return ready_seconds_; }

  double cpu_seconds() const;   // user and system, of the server so far
  double memory_bytes() const;  // resident

 private:
  void start();
  void stop(int signal);

  std::string executable_, directory_;
  pid_t process_ = -1;
  double ready_seconds_ = 0;
};

}  // namespace cmd::bench
