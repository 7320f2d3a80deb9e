// For tests of controllers: a world that the test fills.
#pragma once

#include <map>

#include "controller/controller.h"

namespace controller {

class FakeWorld final : public World {
 public:
  explicit FakeWorld(TimePoint now) : now_(now) {}

  void add(std::string_view source, json::Value object) {
    Key key = key_of(source, object);
    objects_[key] = std::move(object);
  }
  void remove(const Key& key) { objects_.erase(key); }
  void set_now(TimePoint now) { now_ = now; }

  TimePoint now() const override { return now_; }
  std::optional<json::Value> find(const Key& key) const override {
    auto it = objects_.find(key);
    return it == objects_.end() ? std::nullopt : std::optional(it->second);
  }
  std::vector<json::Value> list(std::string_view source, std::string_view cluster,
                                std::string_view ns,
                                const object::LabelSelector& selector) const override {
    std::vector<json::Value> found;
    for (const auto& [key, object] : objects_) {
      bool wanted = key.source == source && (cluster.empty() || key.cluster == cluster) &&
                    (ns.empty() || key.ns == ns) && selector.matches_object(object);
      if (wanted) found.push_back(object);
    }
    return found;
  }

 private:
  TimePoint now_;
  std::map<Key, json::Value> objects_;
};

}  // namespace controller
