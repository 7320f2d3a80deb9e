#include "controllers/garbage/index.h"

namespace controllers {

void OwnerIndex::push(Place place) {
  if (!active_ || !queued_.insert(place).second) return;
  queue_.push_back(std::move(place));
  if (takers_.empty()) return;
  takers_.front().resolve(Done{});
  takers_.pop_front();
}

void OwnerIndex::add(Place place) {
  std::lock_guard lock(mutex_);
  push(std::move(place));
}

void OwnerIndex::begin() {
  std::lock_guard lock(mutex_);
  active_ = true;
  for (const auto& [owner, places] : dependents_) {
    for (const Place& place : places) push(place);
  }
  for (const Place& place : deleting_) push(place);
}

void OwnerIndex::end() {
  std::lock_guard lock(mutex_);
  active_ = false;
  queue_.clear();
  queued_.clear();
  waiting_owners_.clear();
}

Task<Place> OwnerIndex::take() {
  while (true) {
    {
      std::lock_guard lock(mutex_);
      if (!queue_.empty()) {
        Place place = std::move(queue_.front());
        queue_.pop_front();
        queued_.erase(place);
        co_return place;
      }
    }
    co_await wait_for([this](Resolver<Done> taker) {
      std::lock_guard lock(mutex_);
      if (!queue_.empty()) return taker.resolve(Done{});
      std::erase_if(takers_, [](const auto& one) { return one.settled(); });
      takers_.push_back(taker);
    });
  }
}

void OwnerIndex::forget(const Place& place, const cache::Item& item) {
  for (std::size_t i = 0; i < item.owner_count(); ++i) {
    auto found = dependents_.find({place.key.cluster, std::string(item.owner_uid(i))});
    if (found == dependents_.end()) continue;
    found->second.erase(place);
    if (found->second.empty()) dependents_.erase(found);
  }
}

void OwnerIndex::on_event(const cache::TableId& table, const cache::Event& event) {
  const cache::Item& item = *event.item;
  bool gone = event.type == cache::Event::Type::Deleted;
  const cache::Item* before = event.previous.get();
  bool owned = item.owner_count() > 0 || (before && before->owner_count() > 0);
  if (!owned && !gone && !item.deleting()) return;
  std::lock_guard lock(mutex_);
  if (owned) {
    Place place{table, item.key()};
    if (before) forget(place, *before);
    if (!gone) {
      for (std::size_t i = 0; i < item.owner_count(); ++i) {
        dependents_[{place.key.cluster, std::string(item.owner_uid(i))}].insert(place);
      }
    }
    bool news = !before || !before->has_same_owners(item);
    if (news && !gone) push(place);
    if (gone || news) {
      const cache::Item& old = before ? *before : item;
      for (std::size_t i = 0; i < old.owner_count(); ++i) {
        auto owner = waiting_owners_.find(std::string(old.owner_uid(i)));
        if (owner != waiting_owners_.end()) push(owner->second);
      }
    }
  }
  if (!gone) {
    if (!item.deleting()) return;
    Place place{table, item.key()};
    deleting_.insert(place);
    push(std::move(place));
    return;
  }
  if (!deleting_.empty()) deleting_.erase({table, item.key()});
  std::string uid(item.uid());
  waiting_owners_.erase(uid);
  auto orphans = dependents_.find({std::string(item.cluster()), uid});
  if (orphans == dependents_.end()) return;
  for (const Place& place : orphans->second) push(place);
}

std::vector<Place> OwnerIndex::dependents(std::string_view cluster, const std::string& uid) const {
  std::lock_guard lock(mutex_);
  auto found = dependents_.find({std::string(cluster), uid});
  if (found == dependents_.end()) return {};
  return {found->second.begin(), found->second.end()};
}

void OwnerIndex::await_dependents(const std::string& uid, Place owner) {
  std::lock_guard lock(mutex_);
  waiting_owners_[uid] = std::move(owner);
}

}  // namespace controllers
