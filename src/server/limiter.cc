#include "server/limiter.h"

#include "base/error.h"

namespace server {

Limiter::Slot::Slot(Limiter& limiter, std::string user)
    : limiter_(&limiter), user_(std::move(user)) {
  std::lock_guard lock(limiter.mutex_);
  auto mine = user_.empty() ? limiter.users_.end() : limiter.users_.find(user_);
  bool too_many_mine = mine != limiter.users_.end() && mine->second >= limiter.per_user_;
  if (limiter.count_ >= limiter.in_all_ || too_many_mine) {
    throw Error(Reason::TooManyRequests, "Too many requests, please try again later.",
                Error::Details{.retry_after_seconds = 1});
  }
  ++limiter.count_;
  if (!user_.empty()) ++limiter.users_[user_];
}

Limiter::Slot::~Slot() {
  if (!limiter_) return;
  std::lock_guard lock(limiter_->mutex_);
  --limiter_->count_;
  if (user_.empty()) return;
  auto mine = limiter_->users_.find(user_);
  if (--mine->second == 0) limiter_->users_.erase(mine);
}

}  // namespace server
