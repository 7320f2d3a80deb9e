#include "cache/event.h"

namespace cache {

bool Filter::accepts(const Item& item) const {
  return (cluster.empty() || item.cluster() == cluster) && (ns.empty() || item.ns() == ns) &&
         (name.empty() || item.name() == name) &&
         (labels.matches_everything() || labels.matches(item.labels())) &&
         (!matches || matches(item));
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
  changed->item = now ? event->item : Item::at_revision(*event->previous, event->revision);
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
