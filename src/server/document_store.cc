#include "server/document_store.h"

namespace server {

std::optional<Document> DocumentStore::find(const std::string& key) {
  std::lock_guard lock(mutex_);
  auto place = places_.find(key);
  if (place == places_.end()) return std::nullopt;
  order_.splice(order_.begin(), order_, place->second);
  return place->second->document;
}

void DocumentStore::add(const std::string& key, const Document& document) {
  if (document.body.size() > bounds_.bytes_of_one) return;
  std::lock_guard lock(mutex_);
  auto [place, is_new] = places_.try_emplace(key);
  if (!is_new) return;
  order_.push_front({key, document});
  place->second = order_.begin();
  bytes_ += cost(order_.front());
  while (bytes_ > bounds_.bytes || order_.size() > bounds_.documents) {
    bytes_ -= cost(order_.back());
    places_.erase(order_.back().key);
    order_.pop_back();
  }
}

}  // namespace server
