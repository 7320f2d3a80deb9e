// What an object's labels and annotations say about the clusters it is meant for: one Intent per
// SyncTarget key. Pure, thread-safe. Source: reference tmc.md 1.7, 1.9, 3.12.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "json/value.h"

namespace placement {

struct Intent {
  std::string state;            // of the label: "Sync", "Upsync", "" = pending
  std::string deletion;         // RFC 3339 instant at which removal was asked for; "" = not
  std::string soft_finalizers;  // who holds the removal back; "" = nobody
  bool owned = false;           // the target's syncer has its finalizer on the object
  bool leaving() const { return !deletion.empty(); }
};

// By SyncTarget key; annotations without a state label are ignored.
std::map<std::string, Intent> intents_of(const json::Value& object);

// The status that the SyncTarget `key` reported for `object`; nothing if it reported none.
std::optional<json::Value> status_at(const json::Value& object, std::string_view key);

// Whether the copy at `key` is there and does its work: taken over by the syncer; all replicas
// available; an address, where `like` (another target's key, "" = none) has one.
bool is_serving_at(const json::Value& object, std::string_view key, std::string_view like);

// Removes all that concerns `key`: label, finalizer, annotations.
void forget(json::Value& object, std::string_view key);

}  // namespace placement
