#include "cache/item.h"

#include "base/log.h"

namespace cache {

ItemPtr make_item(Key key, const storage::Record& record) {
  auto header = object::read_header(record.value.view());
  if (!header) {
    log(LogLevel::Error, "cache", "skipping a stored value that is not an object",
        {{"key", record.key}, {"error", header.error().message()}});
    return nullptr;
  }
  auto item = std::make_shared<Item>();
  item->key = std::move(key);
  item->revision = storage::number(record.modified);
  item->json = Bytes(object::with_resource_version(record.value.view(), *header, item->revision));
  item->header = std::move(*header);
  return item;
}

ItemPtr at_revision(const Item& item, std::uint64_t revision) {
  // Our own splice is right behind the '{' of metadata: "resourceVersion":"N" and maybe a comma.
  std::string_view text = item.json.view();
  std::size_t begin = item.header.metadata_offset;
  std::size_t end = text.find('"', begin + std::string_view("\"resourceVersion\":\"").size()) + 1;
  if (end < text.size() && text[end] == ',') ++end;
  std::string plain(text.substr(0, begin));
  plain += text.substr(end);
  auto copy = std::make_shared<Item>(item);
  copy->json = Bytes(object::with_resource_version(plain, item.header, revision));
  copy->revision = revision;
  return copy;
}

bool Filter::accepts(const Item& item) const {
  return (cluster.empty() || item.key.cluster == cluster) && (ns.empty() || item.key.ns == ns) &&
         (name.empty() || item.key.name == name) && labels.matches(item.header.labels) &&
         (!matches || matches(item));
}

EventPtr added(const ItemPtr& item) {
  auto event = std::make_shared<Event>();
  event->item = item;
  event->revision = item->revision;
  return event;
}

EventPtr seen_through(const EventPtr& event, const Filter& filter) {
  bool now = event->type != Event::Type::Deleted && filter.accepts(*event->item);
  bool before = event->previous && filter.accepts(*event->previous);
  if (!now && !before) return nullptr;
  Event::Type type = now && before ? Event::Type::Modified
                     : now         ? Event::Type::Added
                                   : Event::Type::Deleted;
  if (type == event->type) return event;
  auto changed = std::make_shared<Event>();
  changed->type = type;
  changed->revision = event->revision;
  changed->previous = event->previous;
  changed->item = now ? event->item : at_revision(*event->previous, event->revision);
  return changed;
}

Bytes Event::frame(const std::string& form, const std::function<Bytes()>& make) const {
  std::lock_guard lock(mutex_);
  for (const auto& [name, bytes] : frames_) {
    if (name == form) return bytes;
  }
  frames_.emplace_back(form, make());
  return frames_.back().second;
}

}  // namespace cache
