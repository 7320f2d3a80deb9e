#include "cache/past.h"

#include <fmt/format.h>

#include <atomic>

#include "cache/event.h"
#include "cache/keys.h"

namespace cache {
namespace {

// Each reads all that happened in the store, and holds what it finds.
constexpr std::size_t kMaxEvents = 5'000;
constexpr int kMaxReaders = 4;

std::atomic<int> readers = 0;

struct Reader {
  const int before = readers.fetch_add(1);
  ~Reader() { readers.fetch_sub(1); }
};

Error expired(std::uint64_t since) {
  return {Reason::Expired, fmt::format("too old resource version: {}", since)};
}

EventPtr event_of(const storage::PastEvent& past) {
  auto place = split_storage_key(past.key);
  ItemPtr previous = past.previous ? make_item(place, storage::view_of(*past.previous)) : nullptr;
  ItemPtr current = past.current ? make_item(place, storage::view_of(*past.current)) : nullptr;
  if (past.current && !current) return nullptr;
  return make_event(std::move(previous), std::move(current), storage::number(past.revision));
}

}  // namespace

Task<Past> read_past(storage::Store& store, TableId table, Filter filter, std::uint64_t since) {
  Past past{{}, storage::number(store.newest())};
  Reader reader;
  if (reader.before >= kMaxReaders) throw expired(since);
  auto wanted = [table = std::move(table), cluster = filter.cluster](std::string_view key) {
    auto place = split_storage_key(key);
    return place && (cluster.empty() || place->key.cluster == cluster) &&
           parse_table(place->table) == table;
  };
  auto events = co_await store.history(storage::Revision{since}, kMaxEvents + 1,
                                       storage::NewestValues::Included, std::move(wanted));
  if (events.size() > kMaxEvents) throw expired(since);
  for (const storage::PastEvent& one : events) {
    past.revision = std::max(past.revision, storage::number(one.revision));
    EventPtr event = event_of(one);
    if (event) event = seen_through(event, filter);
    if (event) past.events.push_back(std::move(event));
  }
  co_return past;
}

}  // namespace cache
