// How many requests run at once, in all and for one user, so that nobody takes the whole server
// for himself by being slow. Thread-safe.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace server {

class Limiter {
 public:
  Limiter(std::size_t in_all, std::size_t per_user) : in_all_(in_all), per_user_(per_user) {}

  // One request while it runs. The limiter must outlive it.
  class Slot {
   public:
    // Throws TooManyRequests if there is no room. An empty name counts in all only.
    Slot(Limiter& limiter, std::string user);
    Slot(Slot&& other) noexcept
        : limiter_(std::exchange(other.limiter_, nullptr)), user_(std::move(other.user_)) {}
    ~Slot();
    Slot& operator=(const Slot&) = delete;

   private:
    Limiter* limiter_;  // null: given away
    std::string user_;
  };

 private:
  const std::size_t in_all_, per_user_;
  std::mutex mutex_;
  std::size_t count_ = 0;                     // guarded by mutex_
  std::map<std::string, std::size_t> users_;  // those with requests; guarded by mutex_
};

}  // namespace server
