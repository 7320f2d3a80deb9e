// One source's objects, kept current by a list and a watch. Loop-bound.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "base/task.h"
#include "controller/controller.h"

namespace controller {

class Informer {
 public:
  // `on_change` is called for every object that appears, changes or goes (with its last state).
  Informer(Source source, std::function<void(const Key&, const json::Value& object)> on_change)
      : source_(std::move(source)), on_change_(std::move(on_change)) {}

  // Lists and watches until cancelled; lists anew when a watch can not be resumed.
  Task<> run();

  bool synced() const { return synced_; }  // the first list is in
  const Source& source() const { return source_; }
  const std::map<Key, json::Value>& objects() const { return objects_; }
  const json::Value* find(const Key& key) const;

 private:
  Task<std::string> relist();
  Task<> follow(std::string resource_version);
  void apply(const client::WatchEvent& event);

  Source source_;
  std::function<void(const Key&, const json::Value&)> on_change_;
  std::map<Key, json::Value> objects_;
  bool synced_ = false;
};

}  // namespace controller
