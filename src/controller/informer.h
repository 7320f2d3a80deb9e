// A Feed by a list and a watch over a client: holds the objects of its source. Loop-bound.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "base/task.h"
#include "controller/controller.h"

namespace controller {

class Informer final : public Feed {
 public:
  Informer(Source source, OnChange on_change)
      : source_(std::move(source)), on_change_(std::move(on_change)) {}

  // Lists and watches until cancelled; lists anew when a watch can not be resumed.
  Task<> run() override;
  bool synced() const override { return synced_; }  // the first list is in
  std::optional<json::Value> find(const Key& key) const override;
  std::vector<json::Value> list(std::string_view cluster, std::string_view ns,
                                const object::LabelSelector& selector) const override;

 private:
  Task<std::string> relist();
  Task<> follow(std::string resource_version);
  void apply(const client::WatchEvent& event);
  void report(const Key& key, const json::Value& object);

  Source source_;
  OnChange on_change_;
  std::map<Key, json::Value> objects_;
  bool synced_ = false;
};

}  // namespace controller
