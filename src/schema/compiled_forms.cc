#include "schema/compiled_forms.h"

namespace schema {

Form CompiledForms::find(const void* owner) {
  std::lock_guard lock(mutex_);
  auto place = places_.find(owner);
  if (place == places_.end()) return nullptr;
  order_.splice(order_.begin(), order_, place->second);
  return place->second->form;
}

Form CompiledForms::add(const void* owner, Form form, std::size_t bytes) {
  Order dropped;  // destroyed when the lock is free again
  std::lock_guard lock(mutex_);
  auto [place, is_new] = places_.try_emplace(owner);
  if (!is_new) return place->second->form;
  order_.push_front({owner, form, bytes});
  place->second = order_.begin();
  bytes_ += bytes;
  while (bytes_ > max_bytes_ && order_.size() > 1) {
    bytes_ -= order_.back().bytes;
    places_.erase(order_.back().owner);
    dropped.splice(dropped.begin(), order_, std::prev(order_.end()));
  }
  return form;
}

void CompiledForms::forget(const void* owner) {
  Order dropped;
  std::lock_guard lock(mutex_);
  auto place = places_.find(owner);
  if (place == places_.end()) return;
  bytes_ -= place->second->bytes;
  dropped.splice(dropped.begin(), order_, place->second);
  places_.erase(place);
}

std::size_t CompiledForms::count() const {
  std::lock_guard lock(mutex_);
  return order_.size();
}

std::size_t CompiledForms::bytes() const {
  std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace schema
