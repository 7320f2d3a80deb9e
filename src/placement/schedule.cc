#include "placement/schedule.h"

#include <algorithm>
#include <map>

#include "placement/intents.h"
#include "placement/keys.h"

namespace placement {
namespace {

std::string with(std::string_view prefix, std::string_view key) {
  return std::string(prefix) + std::string(key);
}

// The keys behind `prefix` wherever it begins a string of the JSON `text`.
Keys keys_in(std::string_view text, std::string_view prefix) {
  Keys keys;
  std::string quoted = with("\"", prefix);
  for (auto at = text.find(quoted); at != text.npos; at = text.find(quoted, at + 1)) {
    std::string_view rest = text.substr(at + quoted.size());
    std::string_view key = rest.substr(0, rest.find('"'));
    if (!key.ends_with('\\')) keys.emplace(key);
  }
  return keys;
}

bool is_labelled(const object::Labels& labels, std::string_view key) {
  return std::ranges::any_of(labels, [&](const auto& label) {
    return label.first.starts_with(kStateLabel) && label.first.substr(kStateLabel.size()) == key;
  });
}

class Scheduler {
 public:
  explicit Scheduler(const Situation& situation) : in_(situation) { out_.ns = in_.ns; }

  Schedule run() {
    settle_annotation();
    open();
    if (out_.ns != in_.ns) return std::move(out_);  // the next look goes on from there
    for (std::size_t i = 0; i < in_.content.size(); ++i) {
      if (out_.changes.size() >= in_.max_changes) {
        out_.look_again_at = in_.now;
        return std::move(out_);
      }
      settle(i);
    }
    close();
    return std::move(out_);
  }

 private:
  void look_again(TimePoint when) {
    out_.look_again_at = std::min(out_.look_again_at.value_or(when), when);
  }

  void settle_annotation() {
    if (in_.placed == object::has_annotation(out_.ns, kPlacementAnnotation)) return;
    if (in_.placed) {
      object::set_annotation(out_.ns, kPlacementAnnotation, "");
    } else {
      object::remove_annotation(out_.ns, kPlacementAnnotation);
    }
  }

  // Where each key stands; writes what must be known before the objects are touched.
  void open() {
    for (auto& [key, intent] : intents_of(in_.ns)) {
      if (!in_.is_known(key)) {
        gone_.insert(key);
      } else if (in_.wanted.contains(key)) {
        active_.insert(key);
      } else if (intent.leaving() || may_leave(key)) {
        draining_.insert(key);
        std::string annotation = with(kDeletion, key);
        if (!intent.leaving()) object::set_annotation(out_.ns, annotation, format_time(in_.now));
      } else {
        active_.insert(key);  // still: the others have yet to take over
      }
    }
    if (object::is_deleting(in_.ns)) return;
    for (const std::string& key : in_.wanted) {
      if (!active_.insert(key).second) continue;
      object::remove_annotation(out_.ns, with(kDeletion, key));
      object::set_label(out_.ns, with(kStateLabel, key), kSync);
    }
  }

  // Whether what runs at `key` need not be waited for any more.
  bool may_leave(const std::string& key) {
    if (in_.wanted.empty() || have_moved(key)) return true;
    std::string annotation = with(kLeaving, key);
    auto since = parse_time(object::annotation(in_.ns, annotation));
    if (!since) object::set_annotation(out_.ns, annotation, format_time(in_.now));
    TimePoint end = since.value_or(in_.now) + in_.patience;
    if (end > in_.now) look_again(end);
    return end <= in_.now;
  }

  bool have_moved(const std::string& key) const {
    return std::ranges::all_of(in_.content, [&](const Content& content) {
      if (content.deleting || content.excluded || !is_labelled(content.labels, key)) return true;
      json::Value object = content.tree();
      if (object::label(object, with(kStateLabel, key)) != kSync) return true;
      if (!object::has_finalizer(object, with(kSyncerFinalizer, key))) return true;
      return std::ranges::any_of(
          in_.wanted, [&](const std::string& other) { return is_serving_at(object, other, key); });
    });
  }

  // Whether some object's soft finalizer holds back the removal at `key`.
  bool is_held(const std::string& key) {
    auto known = held_.find(key);
    if (known != held_.end()) return known->second;
    std::string annotation = with(kSoftFinalizers, key);
    bool held = std::ranges::any_of(in_.content, [&](const Content& content) {
      return content.text.view().contains(annotation) && is_labelled(content.labels, key) &&
             !object::annotation(content.tree(), annotation).empty();
    });
    held_.emplace(key, held);
    return held;
  }

  void settle(std::size_t index) {
    const Content& content = in_.content[index];
    json::Value after;
    if (needs_look(content, active_)) {
      json::Value before = content.tree();
      after = settled(content, before);
      if (after != before) out_.changes.push_back({index, std::move(before), after});
      for (const auto& [key, intent] : intents_of(after)) carried_.insert(key);
    } else {
      for (const std::string& key : state_keys(content.labels)) carried_.insert(key);
    }
  }

  json::Value settled(const Content& content, json::Value object) {
    bool owned_elsewhere = false, owner_known = false;
    for (const auto& [key, intent] : intents_of(object)) {
      if (intent.state != kUpsync) continue;
      owned_elsewhere = true;
      owner_known = owner_known || in_.is_known(key);
    }
    if (owned_elsewhere) return owner_known || content.deleting ? object : json::Value();
    restore_labels(object);
    for (const auto& [key, intent] : intents_of(object)) settle_key(content, object, key, intent);
    if (content.deleting || content.excluded || object::is_deleting(in_.ns)) return object;
    for (const std::string& key : active_) {
      if (object::has_label(object, with(kStateLabel, key))) continue;
      object::remove_annotation(object, with(kDeletion, key));
      object::set_label(object, with(kStateLabel, key), kSync);
    }
    return object;
  }

  // A syncer that has its finalizer on an object must see it, or it can never let go.
  void restore_labels(json::Value& object) const {
    for (const std::string& finalizer : object::finalizers(object)) {
      if (!finalizer.starts_with(kSyncerFinalizer)) continue;
      std::string key = finalizer.substr(kSyncerFinalizer.size());
      if (object::has_label(object, with(kStateLabel, key))) continue;
      if (in_.is_known(key)) {
        object::set_label(object, with(kStateLabel, key), kSync);
      } else {
        forget(object, key);
      }
    }
  }

  void settle_key(const Content& content, json::Value& object, const std::string& key,
                  const Intent& intent) {
    std::string annotation = with(kDeletion, key);
    if (!in_.is_known(key)) return forget(object, key);
    if (content.deleting) {
      std::string_view when = object.at("metadata", "deletionTimestamp").as_string();
      if (!intent.leaving()) object::set_annotation(object, annotation, std::string(when));
      return;
    }
    if (active_.contains(key) && !content.excluded) {
      return object::remove_annotation(object, annotation);  // it stays, or comes back
    }
    bool soft = !intent.soft_finalizers.empty();
    if (!intent.owned && !soft) return forget(object, key);
    if (!intent.leaving() && (soft || !is_held(key))) {
      object::set_annotation(object, annotation, format_time(in_.now));
    }
  }

  // What is left to say on the namespace once all objects are settled.
  void close() {
    for (const std::string& key : active_) {
      if (!in_.wanted.contains(key)) continue;
      object::remove_annotation(out_.ns, with(kDeletion, key));
      object::remove_annotation(out_.ns, with(kLeaving, key));
    }
    for (const std::string& key : draining_) {
      if (!carried_.contains(key)) forget(out_.ns, key);
    }
    for (const std::string& key : gone_) forget(out_.ns, key);
  }

  const Situation& in_;
  Schedule out_;
  Keys active_;    // on the namespace, and to be on its objects
  Keys draining_;  // removal was asked for
  Keys gone_;      // of SyncTargets that do not exist any more
  Keys carried_;   // by some object
  std::map<std::string, bool> held_;
};

}  // namespace

Keys state_keys(const object::Labels& labels) {
  Keys keys;
  for (const auto& [label, value] : labels) {
    if (label.starts_with(kStateLabel)) keys.insert(label.substr(kStateLabel.size()));
  }
  return keys;
}

bool needs_look(const Content& content, const Keys& active) {
  Keys keys = state_keys(content.labels);
  auto is_stray = [&](const std::string& key) { return !keys.contains(key); };
  if (std::ranges::any_of(keys_in(content.text.view(), kSyncerFinalizer), is_stray)) return true;
  if (content.deleting) return !keys.empty();
  if (content.text.view().contains(kDeletion)) return true;
  return content.excluded ? !keys.empty() : keys != active;
}

Schedule schedule(const Situation& situation) { return Scheduler(situation).run(); }

object::Condition scheduled_condition(const json::Value& ns) {
  object::Condition condition{"NamespaceScheduled", "True", "", ""};
  auto intents = intents_of(ns);
  bool active = std::ranges::any_of(intents, [](const auto& one) { return !one.second.leaving(); });
  if (!object::has_annotation(ns, kPlacementAnnotation)) {
    condition = {"NamespaceScheduled", "False", "Unschedulable", "No available placements"};
  } else if (!active) {
    condition = {"NamespaceScheduled", "False", "Unschedulable", "No available sync targets"};
  }
  return condition;
}

}  // namespace placement
