#include "controllers/api_sharing/work_list.h"

#include <algorithm>
#include <utility>

namespace controllers {
namespace {

constexpr Duration kFirstRetry = 250ms;
constexpr int kMaxDoublings = 8;  // about a minute

}  // namespace

void WorkList::wake() {
  for (const auto& one : std::exchange(idle_, {})) one.resolve(Done{});
}

void WorkList::add(const std::string& cluster, bool labels) {
  std::lock_guard lock(mutex_);
  bool& wanted = waiting_[cluster];
  wanted = wanted || labels;
  wake();
}

void WorkList::add_export(std::string hash) {
  std::lock_guard lock(mutex_);
  exports_.insert(std::move(hash));
  wake();
}

std::set<std::string> WorkList::take_exports() {
  std::lock_guard lock(mutex_);
  return std::exchange(exports_, {});
}

std::optional<WorkList::Item> WorkList::pick() {
  for (auto it = waiting_.begin(); it != waiting_.end(); ++it) {
    if (!running_.insert(it->first).second) continue;
    Item item{it->first, it->second};
    waiting_.erase(it);
    return item;
  }
  return {};
}

Task<std::optional<WorkList::Item>> WorkList::next() {
  while (true) {
    {
      std::lock_guard lock(mutex_);
      if (!exports_.empty()) co_return std::nullopt;
      if (auto item = pick()) co_return item;
    }
    co_await wait_for([&](Resolver<Done> done) {
      std::lock_guard lock(mutex_);
      bool ready = !exports_.empty();
      for (const auto& [cluster, labels] : waiting_) ready = ready || !running_.contains(cluster);
      if (ready) return done.resolve(Done{});
      std::erase_if(idle_, [](const auto& one) { return one.settled(); });
      idle_.push_back(std::move(done));
    });
  }
}

void WorkList::done(const std::string& cluster) {
  std::lock_guard lock(mutex_);
  running_.erase(cluster);
  wake();
}

void WorkList::forget(const std::string& cluster) {
  std::lock_guard lock(mutex_);
  waiting_.erase(cluster);
  failures_.erase(cluster);
}

Duration WorkList::failed(const std::string& cluster) {
  std::lock_guard lock(mutex_);
  int times = std::min(failures_[cluster]++, kMaxDoublings);
  return kFirstRetry * (1 << times);
}

void WorkList::succeeded(const std::string& cluster) {
  std::lock_guard lock(mutex_);
  failures_.erase(cluster);
}

}  // namespace controllers
