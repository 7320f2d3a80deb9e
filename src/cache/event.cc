#include "cache/event.h"

namespace cache {

bool Filter::accepts(const Item& item) const {
  return (cluster.empty() || item.cluster() == cluster) && (ns.empty() || item.ns() == ns) &&
         (name.empty() || item.name() == name) &&
         (labels.matches_everything() || labels.matches(item.labels())) &&
         (!matches || matches(item));
}

std::shared_ptr<Event> make_event(ItemPtr previous, ItemPtr current, std::uint64_t revision) {
  if (!previous && !current) return nullptr;
  auto event = std::make_shared<Event>();
  event->revision = revision;
  if (current) {
    event->type = previous ? Event::Type::Modified : Event::Type::Added;
    event->item = std::move(current);
  } else {
    event->type = Event::Type::Deleted;
    event->item = Item::at_revision(*previous, revision);
  }
  event->previous = std::move(previous);
  return event;
}

std::optional<Event::Type> type_through(const Event& event, const Filter& filter) {
  bool now = event.type != Event::Type::Deleted && filter.accepts(*event.item);
  bool before = event.previous && filter.accepts(*event.previous);
  if (!now && !before) return {};
  if (now && before) return Event::Type::Modified;
  return now ? Event::Type::Added : Event::Type::Deleted;
}

EventPtr seen_through(const EventPtr& event, const Filter& filter) {
  auto type = type_through(*event, filter);
  if (!type) return nullptr;
  if (type == event->type) return event;
  auto changed = std::make_shared<Event>();
  changed->type = *type;
  changed->revision = event->revision;
  changed->previous = event->previous;
  changed->item = *type == Event::Type::Deleted
                      ? Item::at_revision(*event->previous, event->revision)
                      : event->item;
  return changed;
}

// Frames are added in front and never taken away, so that they are found without a lock.
struct Event::Frame {
  std::string form;
  Bytes bytes;
  const Frame* next;
};

Event::~Event() {
  for (const Frame* one = frames_.load(std::memory_order_relaxed); one;) {
    delete std::exchange(one, one->next);
  }
}

const Bytes* Event::find_frame(std::string_view form) const {
  const Frame* one = frames_.load(std::memory_order_acquire);
  while (one && one->form != form) one = one->next;
  return one ? &one->bytes : nullptr;
}

const Bytes& Event::frame(std::string_view form, const std::function<Bytes()>& make) const {
  if (const Bytes* found = find_frame(form)) return *found;
  std::lock_guard lock(mutex_);
  if (const Bytes* found = find_frame(form)) return *found;
  const Frame* first = frames_.load(std::memory_order_relaxed);
  auto* one = new Frame{std::string(form), make(), first};
  frames_.store(one, std::memory_order_release);
  return one->bytes;
}

}  // namespace cache
