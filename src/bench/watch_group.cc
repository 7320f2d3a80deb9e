#include "bench/watch_group.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/child_task.h"
#include "base/error.h"
#include "base/strings.h"
#include "bench/watch_reader.h"

namespace bench {
namespace {

constexpr Duration kAnswerLimit = 60s;
constexpr int kQuietChecks = 3'000;  // of 20 ms each

}  // namespace

struct WatchGroup::Watcher final : Exchange {
  explicit Watcher(Part& its_part);

  Part& part;
  EventBook book;
  std::unique_ptr<WatchReader> reader;
  std::weak_ptr<Connection> connection;
  std::uint32_t stream = 0;
  bool is_open = false;

  void on_head(int status) override;
  void on_data(std::string_view piece) override;
  void on_end(bool complete) override;
  void on_event(const ScannedItem& event);
};

// The watchers of one thread.
struct WatchGroup::Part {
  Squad& squad;
  const std::shared_ptr<const WatchPlan> plan;
  std::vector<std::unique_ptr<Watcher>> watchers;
  KnownLines known;  // since the watches were opened last
  Histogram lag;
  std::uint64_t bytes = 0;
  std::int64_t now = 0;  // when what is read arrived
  std::size_t answered = 0;
  std::optional<Resolver<Done>> all_answered;
  // Read by the thread that waits for them.
  std::atomic<std::uint64_t> events = 0;
  std::atomic<std::int64_t> last_event = 0;
  std::atomic<bool> failed = false;
  std::string failure;  // written before `failed`

  void fail(const std::string& why) {
    if (failed) return;
    failure = why;
    failed = true;
    if (all_answered) all_answered->resolve(Done{});
  }
  void close();
};

WatchGroup::Watcher::Watcher(Part& its_part)
    : part(its_part), book(its_part.plan->prefix, its_part.plan->expected) {}

void WatchGroup::Watcher::on_head(int status) {
  if (status != 200) return part.fail(fmt::format("a watch was answered with {}", status));
  if (++part.answered == part.watchers.size() && part.all_answered) {
    part.all_answered->resolve(Done{});
  }
}

void WatchGroup::Watcher::on_data(std::string_view piece) {
  if (part.failed || stalled) return;
  part.bytes += piece.size();
  part.now = now_ns();
  try {
    reader->feed(piece);
  } catch (const Error& error) {
    part.fail(error.message());
  }
}

void WatchGroup::Watcher::on_end(bool) {
  is_open = false;
  if (!stalled) part.fail("a watch ended early");
}

void WatchGroup::Watcher::on_event(const ScannedItem& event) {
  if (event.type == "BOOKMARK") return;
  if (event.type != "ADDED") {
    throw Error(Reason::InternalError, "a watch told " + event.type + " of " + event.name);
  }
  std::size_t number = book.enter(event);
  if (part.plan->sent) part.lag.record(part.now - (*part.plan->sent)[number]);
  part.last_event.store(part.now, std::memory_order_relaxed);
  // There is one writer, this thread.
  part.events.store(part.events.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

WatchGroup::WatchGroup(Fleet& fleet, WatchPlan plan, std::size_t count)
    : plan_(std::make_shared<const WatchPlan>(std::move(plan))) {
  for (std::size_t i = 0; i < fleet.size(); ++i) {
    parts_.push_back(std::shared_ptr<Part>(new Part{fleet.at(i), plan_, {}, {}, {}}));
  }
  for (std::size_t i = 0; i < count + plan_->stalled; ++i) {
    Part& part = *parts_[i % parts_.size()];
    part.watchers.push_back(std::make_unique<Watcher>(part));
    part.watchers.back()->stalled = i >= count;
    auto since = parse_u64(plan_->since);
    if (since) part.watchers.back()->book.begin_at(*since);
  }
}

// Connections call watchers, so these go on their own loop, after they are broken off.
WatchGroup::~WatchGroup() {
  for (auto& part : parts_) {
    Loop& loop = part->squad.loop();
    loop.post([part = std::move(part)] { part->close(); });
  }
}

void WatchGroup::Part::close() {
  for (auto& watcher : watchers) {
    auto connection = watcher->is_open ? watcher->connection.lock() : nullptr;
    if (connection) connection->cancel(watcher->stream);
    watcher->is_open = false;
  }
}

Task<> WatchGroup::open_part(std::shared_ptr<Part> part) {
  co_await Squad::reserve(&part->squad, 2, part->watchers.size());
  wire::Head head = make_head(part->squad.address(), "GET", "");
  std::string block;
  part->answered = 0;
  part->known = {};
  for (auto& watcher : part->watchers) {
    Watcher* one = watcher.get();
    one->reader = std::make_unique<WatchReader>(
        part->known, [one](const ScannedItem& event) { one->on_event(event); });
    head.print(
        fmt::format("{}?watch=1&resourceVersion={}", part->plan->path, one->book.last_revision()),
        block);
    Connection* connection = part->squad.pick();
    if (!connection) throw Error(Reason::ServiceUnavailable, "a connection broke");
    one->connection = connection->weak_from_this();
    one->is_open = true;
    one->stream = connection->send(block, "", *one);
  }
  if (part->watchers.empty()) co_return;
  co_await wait_for([&](Resolver<Done> done) { part->all_answered = done; });
  part->all_answered.reset();
  if (part->failed) throw Error(Reason::InternalError, part->failure);
}

Task<> WatchGroup::close_part(std::shared_ptr<Part> part) {
  part->close();
  co_return;
}

Task<> WatchGroup::open(WatchGroup* group) {
  for (auto& part : group->parts_) {
    co_await with_deadline(on_loop(part->squad.loop(), open_part(part)), kAnswerLimit,
                           "watches are not answered");
  }
}

Task<> WatchGroup::await_events(WatchGroup* group, std::size_t events) {
  std::uint64_t wanted = 0, before = 0;
  for (auto& part : group->parts_) {
    for (auto& watcher : part->watchers) wanted += watcher->stalled ? 0 : events;
  }
  for (int quiet = 0; group->events() < wanted; ++quiet) {
    for (auto& part : group->parts_) {
      if (part->failed) throw Error(Reason::InternalError, part->failure);
    }
    if (group->events() != before) quiet = 0;
    before = group->events();
    if (quiet > kQuietChecks) {
      throw Error(Reason::Timeout, fmt::format("{} of {} events came", before, wanted));
    }
    co_await sleep_for(20ms);
  }
  for (auto& part : group->parts_) {
    if (part->failed) throw Error(Reason::InternalError, part->failure);
  }
}

Task<> WatchGroup::close(WatchGroup* group) {
  for (auto& part : group->parts_) {
    co_await on_loop(part->squad.loop(), close_part(part));
  }
}

Histogram WatchGroup::lag() const {
  Histogram sum;
  for (const auto& part : parts_) sum.merge(part->lag);
  return sum;
}

std::uint64_t WatchGroup::bytes() const {
  std::uint64_t sum = 0;
  for (const auto& part : parts_) sum += part->bytes;
  return sum;
}

std::uint64_t WatchGroup::events() const {
  std::uint64_t sum = 0;
  for (const auto& part : parts_) sum += part->events.load(std::memory_order_acquire);
  return sum;
}

std::int64_t WatchGroup::last_event() const {
  std::int64_t last = 0;
  for (const auto& part : parts_) last = std::max(last, part->last_event.load());
  return last;
}

}  // namespace bench
