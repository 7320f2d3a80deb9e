#include "bench/load.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "base/child_task.h"
#include "base/error.h"
#include "base/scope.h"
#include "bench/pacer.h"

namespace bench {
namespace {

constexpr Duration kRetryDelay = 20ms;
constexpr std::size_t kKeptOfFailure = 400;

using LoadPtr = std::shared_ptr<const Load>;

// What one thread does of a load: every `parts`th operation.
class Driver final : public std::enable_shared_from_this<Driver> {
 public:
  Driver(Squad& squad, LoadPtr load, std::size_t part, std::size_t parts)
      : squad_(squad),
        load_(std::move(load)),
        part_(part),
        parts_(parts),
        operations_((load_->operations + parts - 1 - part) / parts),
        head_(make_head(squad.address(), load_->method,
                        load_->method == "GET" ? "" : load_->content_type, load_->accept)) {}
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;
  ~Driver() { stop(); }

  static Task<Outcome> run(std::shared_ptr<Driver> self);

 private:
  struct Lane final : Exchange {
    Driver* driver = nullptr;
    std::size_t operation = 0;  // of this part
    std::int64_t since = 0;
    std::weak_ptr<Connection> connection;
    std::uint32_t stream = 0;
    int status = 0;
    bool busy = false;
    std::string body;

    void on_head(int code) override { status = code; }
    void on_data(std::string_view piece) override {
      bool keep = driver->load_->check != nullptr || status != driver->load_->expected_status;
      if (keep) body += piece;
    }
    void on_end(bool complete) override { driver->ended(*this, complete); }
  };

  std::size_t number(std::size_t operation) const { return operation * parts_ + part_; }
  void begin(std::size_t operation, std::int64_t since);
  void send(Lane& lane);
  void ended(Lane& lane, bool complete);
  void judge(Lane& lane);
  void next(Lane& lane);
  void retry(Lane& lane);
  void finish(std::exception_ptr failure);
  void stop();
  Lane& free_lane();

  Squad& squad_;
  const LoadPtr load_;
  const std::size_t part_, parts_, operations_;
  const wire::Head head_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::vector<Lane*> free_;
  std::deque<std::pair<std::size_t, std::int64_t>> late_;  // open loop: due, but no room
  std::size_t begun_ = 0, completed_ = 0;
  std::string block_, path_, request_body_;
  Outcome outcome_;
  std::exception_ptr failure_;
  std::optional<Resolver<Done>> waiter_;
  bool finished_ = false;
};

Driver::Lane& Driver::free_lane() {
  if (free_.empty()) {
    lanes_.push_back(std::make_unique<Lane>());
    lanes_.back()->driver = this;
    return *lanes_.back();
  }
  Lane& lane = *free_.back();
  free_.pop_back();
  return lane;
}

void Driver::begin(std::size_t operation, std::int64_t since) {
  if (finished_) return;
  Lane& lane = free_lane();
  lane.operation = operation;
  lane.since = since;
  send(lane);
}

void Driver::send(Lane& lane) {
  Connection* connection = squad_.pick();
  if (!connection) {
    if (load_->rate > 0 && squad_.is_usable()) {
      late_.emplace_back(lane.operation, lane.since);
      free_.push_back(&lane);
      return;
    }
    return finish(load_->may_break ? nullptr
                                   : std::make_exception_ptr(Error(Reason::ServiceUnavailable,
                                                                   "all connections broke")));
  }
  load_->make(number(lane.operation), path_, request_body_);
  head_.print(path_, block_);
  lane.status = 0;
  lane.body.clear();
  lane.busy = true;
  lane.connection = connection->weak_from_this();
  lane.stream = connection->send(block_, request_body_, lane);
}

void Driver::ended(Lane& lane, bool complete) {
  lane.busy = false;
  if (finished_) return;
  if (!complete) {
    auto broke = Error(Reason::ServiceUnavailable, "an answer broke off");
    return finish(load_->may_break ? nullptr : std::make_exception_ptr(broke));
  }
  if (lane.status == 429 || lane.status == load_->not_yet_status) return retry(lane);
  judge(lane);
  if (finished_) return;
  outcome_.latency.record(now_ns() - lane.since);
  ++outcome_.operations;
  if (load_->done) load_->done(number(lane.operation));
  if (++completed_ == operations_) return finish(nullptr);
  next(lane);
}

void Driver::judge(Lane& lane) {
  bool right = lane.status == load_->expected_status &&
               (!load_->check || load_->check(number(lane.operation), lane.body));
  if (right) return;
  load_->make(number(lane.operation), path_, request_body_);
  finish(std::make_exception_ptr(Error(
      Reason::InternalError,
      fmt::format("{} {} was answered with {}, expected {}: {}", load_->method, path_, lane.status,
                  load_->expected_status, lane.body.substr(0, kKeptOfFailure)))));
}

void Driver::next(Lane& lane) {
  if (load_->rate > 0) {
    free_.push_back(&lane);
    if (late_.empty()) return;
    auto [operation, since] = late_.front();
    late_.pop_front();
    return begin(operation, since);
  }
  if (begun_ == operations_) return;
  lane.operation = begun_++;
  lane.since = now_ns();
  send(lane);
}

void Driver::retry(Lane& lane) {
  ++outcome_.refused;
  squad_.loop().call_after(kRetryDelay, [weak = weak_from_this(), &lane] {
    auto self = weak.lock();
    if (self && !self->finished_) self->send(lane);
  });
}

void Driver::finish(std::exception_ptr failure) {
  if (std::exchange(finished_, true)) return;
  failure_ = failure;
  if (waiter_) waiter_->resolve(Done{});
}

void Driver::stop() {
  finished_ = true;
  for (auto& lane : lanes_) {
    auto connection = lane->busy ? lane->connection.lock() : nullptr;
    if (connection) connection->cancel(lane->stream);
    lane->busy = false;
  }
}

Task<Outcome> Driver::run(std::shared_ptr<Driver> self) {
  if (self->operations_ == 0) co_return Outcome{};
  std::uint64_t bytes = self->squad_.bytes_received();
  std::int64_t start = now_ns();
  Scope scope(self->squad_.loop());
  if (self->load_->rate > 0) {
    Pacer pacer(self->load_->rate / static_cast<double>(self->parts_), self->operations_, start);
    scope.spawn("pace", pace(pacer, now_ns, [self](std::size_t operation, std::int64_t due) {
                  self->begin(operation, due);
                }));
  } else {
    std::size_t lanes = std::max<std::size_t>(1, self->load_->in_flight / self->parts_);
    while (self->begun_ < std::min(lanes, self->operations_)) self->begin(self->begun_++, now_ns());
  }
  std::exception_ptr stopped;
  try {
    if (!self->finished_) {
      co_await wait_for([&](Resolver<Done> done) { self->waiter_ = done; });
    }
  } catch (const Cancelled&) {
    stopped = std::current_exception();
  }
  self->stop();
  scope.cancel();
  co_await scope.join();
  if (stopped) std::rethrow_exception(stopped);
  if (self->failure_) std::rethrow_exception(self->failure_);
  self->outcome_.seconds = static_cast<double>(now_ns() - start) / 1e9;
  self->outcome_.bytes = self->squad_.bytes_received() - bytes;
  co_return std::move(self->outcome_);
}

// On the squad's loop.
Task<Outcome> drive_part(Squad* squad, LoadPtr load, std::size_t part, std::size_t parts) {
  std::size_t lanes = std::max<std::size_t>(1, load->in_flight / parts);
  co_await Squad::reserve(squad, std::min<std::size_t>(lanes, 2), load->rate > 0 ? 200 : lanes);
  auto driver = std::make_shared<Driver>(*squad, std::move(load), part, parts);
  co_return co_await Driver::run(std::move(driver));
}

Task<> drive_into(Squad* squad, LoadPtr load, std::size_t part, std::size_t parts,
                  Outcome* outcome) {
  *outcome = co_await on_loop(squad->loop(), drive_part(squad, std::move(load), part, parts));
}

}  // namespace

Task<Outcome> drive(Fleet* fleet, Load load) {
  Loop& loop = co_await current_loop();
  std::size_t parts = std::min(fleet->size(), load.rate > 0 ? fleet->size() : load.in_flight);
  auto shared = std::make_shared<const Load>(std::move(load));
  std::vector<Outcome> outcomes(parts);
  Scope scope(loop);
  for (std::size_t i = 0; i < parts; ++i) {
    scope.spawn("load", drive_into(&fleet->at(i), shared, i, parts, &outcomes[i]));
  }
  co_await scope.join();
  Outcome sum;
  for (const Outcome& one : outcomes) {
    sum.latency.merge(one.latency);
    sum.seconds = std::max(sum.seconds, one.seconds);
    sum.operations += one.operations;
    sum.refused += one.refused;
    sum.bytes += one.bytes;
  }
  co_return sum;
}

}  // namespace bench
