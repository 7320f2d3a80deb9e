#include "controllers/garbage/index.h"

namespace controllers {

void OwnerIndex::push(Place place) {
  if (!queued_.insert(place).second) return;
  queue_.push_back(std::move(place));
  if (takers_.empty()) return;
  takers_.front().resolve(Done{});
  takers_.pop_front();
}

void OwnerIndex::add(Place place) {
  std::lock_guard lock(mutex_);
  push(std::move(place));
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
  for (const std::string& uid : item.header.owner_uids) {
    auto found = dependents_.find({place.key.cluster, uid});
    if (found == dependents_.end()) continue;
    found->second.erase(place);
    if (found->second.empty()) dependents_.erase(found);
  }
}

void OwnerIndex::on_event(const cache::TableId& table, const cache::EventPtr& event) {
  const cache::Item& item = *event->item;
  bool gone = event->type == cache::Event::Type::Deleted;
  const cache::Item* before = event->previous.get();
  bool owned = !item.header.owner_uids.empty() || (before && !before->header.owner_uids.empty());
  std::lock_guard lock(mutex_);
  if (owned) {
    Place place{table, item.key};
    if (before) forget(place, *before);
    if (!gone) {
      for (const std::string& uid : item.header.owner_uids) {
        dependents_[{item.key.cluster, uid}].insert(place);
      }
    }
    bool news = !before || before->header.owner_uids != item.header.owner_uids;
    if (news && !gone) push(place);
    if (gone || news) {
      for (const std::string& uid : (before ? *before : item).header.owner_uids) {
        auto owner = waiting_owners_.find(uid);
        if (owner != waiting_owners_.end()) push(owner->second);
      }
    }
  }
  if (!gone) {
    if (item.header.deleting) push({table, item.key});
    return;
  }
  waiting_owners_.erase(item.header.uid);
  auto orphans = dependents_.find({item.key.cluster, item.header.uid});
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
