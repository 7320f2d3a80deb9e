#include "controller/informer.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/random.h"

namespace controller {
namespace {

constexpr Duration kFirstPause = 50ms;
constexpr Duration kLastPause = 10s;

}  // namespace

std::optional<json::Value> Informer::find(const Key& key) const {
  auto it = objects_.find(key);
  return it == objects_.end() ? std::nullopt : std::optional(it->second);
}

std::vector<json::Value> Informer::list(std::string_view cluster, std::string_view ns,
                                        const object::LabelSelector& selector) const {
  std::vector<json::Value> found;
  auto it = objects_.lower_bound(Key{source_.name, std::string(cluster), std::string(ns), ""});
  while (it != objects_.end() && (cluster.empty() || it->first.cluster == cluster)) {
    const Key& key = it->first;
    if (!ns.empty() && key.ns != ns) {  // to the namespace, or else to the next cluster
      std::string next = key.ns < ns ? key.cluster : key.cluster + '\0';
      it = objects_.lower_bound(Key{source_.name, std::move(next), std::string(ns), ""});
      continue;
    }
    if (selector.matches_object(it->second)) found.push_back(it->second);
    ++it;
  }
  return found;
}

void Informer::report(const Key& key, const json::Value& object) {
  object::Labels labels;
  for (const auto& label : object.at("metadata", "labels").members()) {
    labels.emplace_back(label.key, label.value.str());
  }
  std::ranges::sort(labels);
  on_change_({key, labels, [&object]() -> const json::Value& { return object; }});
}

Task<std::string> Informer::relist() {
  client::Client client = source_.client->at(source_.read_base);
  auto list =
      co_await client.list(source_.resource, "", {.label_selector = source_.label_selector});
  std::map<Key, json::Value> fresh;
  for (json::Value& object : list.items) {
    Key key = key_of(source_.name, object);
    fresh.emplace(std::move(key), std::move(object));
  }
  std::map<Key, json::Value> before = std::exchange(objects_, std::move(fresh));
  synced_ = true;
  for (const auto& [key, object] : before) {
    if (!objects_.contains(key)) report(key, object);
  }
  for (const auto& [key, object] : objects_) {
    auto old = before.find(key);
    bool same = old != before.end() &&
                object::resource_version(old->second) == object::resource_version(object);
    if (!same) report(key, object);
  }
  co_return list.resource_version;
}

void Informer::apply(const client::WatchEvent& event) {
  if (event.type == client::EventType::Bookmark) return;
  Key key = key_of(source_.name, event.object);
  if (event.type == client::EventType::Deleted) {
    objects_.erase(key);
  } else {
    objects_[key] = event.object;
  }
  report(key, event.object);
}

// Watches from `resource_version` on, resuming ended watches, until the version is too old.
Task<> Informer::follow(std::string resource_version) {
  client::Client client = source_.client->at(source_.read_base);
  while (true) {
    auto watch = co_await client.watch(source_.resource, "", resource_version,
                                       {.label_selector = source_.label_selector});
    while (auto event = co_await watch->next()) {
      resource_version = object::resource_version(event->object);
      apply(*event);
    }
    co_await sleep_for(kFirstPause);
  }
}

Task<> Informer::run() {
  Duration pause = kFirstPause;
  while (true) {
    std::string why;
    try {
      std::string resource_version = co_await relist();
      pause = kFirstPause;
      co_await follow(std::move(resource_version));
    } catch (const Error& error) {
      why = error.message();
    }
    log(LogLevel::Debug, "controller", "listing again", {{"source", source_.name}, {"why", why}});
    auto jitter = std::chrono::milliseconds(random_below(50));
    co_await sleep_for(pause + jitter);
    pause = std::min(pause * 2, kLastPause);
  }
}

}  // namespace controller
