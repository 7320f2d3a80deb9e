#include "storage/etcd/election.h"

#include "base/child_task.h"
#include "base/error.h"
#include "base/log.h"

namespace storage::etcd {
namespace {

using Clock = std::chrono::steady_clock;

constexpr Duration kLookAgain = 2s;  // at a leader that is alive
constexpr Duration kRevokePatience = 1s;

}  // namespace

Election::Election(Members& members, Keys keys, std::string name, std::chrono::seconds lease)
    : members_(members), keys_(std::move(keys)), name_(std::move(name)), period_(lease) {}

void Election::wait(bool leading, Resolver<Done> done) {
  if (leads() == leading) return done.resolve(Done{});
  waiters_.emplace_back(leading, std::move(done));
}

void Election::settle(std::int64_t lease) {
  if ((lease != 0) != leads()) {
    log(LogLevel::Info, "storage", lease != 0 ? "this server leads" : "this server leads no more",
        {{"server", name_}});
  }
  lease_ = lease;
  if (lease != 0) last_lease_ = lease;
  std::erase_if(waiters_, [&](const auto& one) {
    if (one.first == leads()) one.second.resolve(Done{});
    return one.first == leads() || one.second.settled();
  });
}

void Election::on_change(const WatchEvent& event) {
  // An event of an office that this server has held before says nothing about the present one.
  if (leads() && event.current.modified > since_) settle(0);
  if (auto one = std::exchange(sleeper_, std::nullopt)) one->resolve(Done{});
}

// Sleeps until the key changes, or for `limit`.
Task<> Election::pause(Duration limit) {
  ScopedTimer timer(co_await current_loop());
  co_await wait_for([&](Resolver<Done> done) {
    sleeper_ = done;
    timer.start(limit, [done] { done.resolve(Done{}); });
  });
}

Task<bool> Election::stand() {
  std::string key = keys_.control("leader");
  Answer present =
      co_await members_.call(kRange, encode(RangeRequest{.key = key}), Repeat::Harmless);
  if (!present.ok() || !parse_range(present.text).records.empty()) co_return false;
  Answer granted =
      co_await members_.call(kLeaseGrant, encode_lease_grant(period_.count()), Repeat::Harmless);
  if (!granted.ok()) co_return false;
  auto lease = parse_lease_grant(granted.text);
  TxnRequest take;
  take.compares.push_back({key, {}});
  take.changes.push_back({key, name_, lease.id});
  Answer taken = co_await members_.call(kTxn, encode(take), Repeat::Never);
  TxnAnswer outcome = taken.ok() ? parse_txn(taken.text) : TxnAnswer{};
  if (outcome.succeeded) {
    since_ = outcome.revision;
    settle(lease.id);
    co_return true;
  }
  // If the outcome is unknown, the revocation takes the office back too.
  co_await members_.call(kLeaseRevoke, encode_lease_id(lease.id), Repeat::Harmless,
                         kRevokePatience);
  co_return false;
}

// Whether the lease lives on.
Task<bool> Election::renew() {
  Answer failure;
  auto stream = co_await members_.open(kLeaseKeepAlive, encode_lease_id(lease_), &failure);
  if (!stream) co_return false;
  auto answer = co_await stream->read();
  if (!answer) {
    members_.ended(*stream, "");
    co_return false;
  }
  if (parse_keep_alive(*answer).seconds <= 0) settle(0);  // it has run out
  co_return true;
}

// Renews the lease until it is lost. What counts is when a renewal was asked for.
Task<> Election::hold() {
  const Duration enough = period_ * 2 / 3;
  auto alive = Clock::now();
  while (leads()) {
    auto asked = Clock::now();
    bool renewed = false;
    try {
      renewed = co_await with_deadline(renew(), period_ / 4, "no renewal");
    } catch (const Error&) {  // tried again below
    }
    if (renewed) alive = asked;
    if (Clock::now() - alive > enough) settle(0);
    if (leads()) co_await pause(renewed ? Duration(period_ / 4) : Duration(200ms));
  }
}

Task<> Election::resign() {
  settle(0);
  std::int64_t lease = std::exchange(last_lease_, 0);
  if (lease == 0) co_return;
  co_await members_.call(kLeaseRevoke, encode_lease_id(lease), Repeat::Harmless, kRevokePatience);
}

Task<> Election::run() {
  struct Resign {
    Election& election;
    ~Resign() { election.settle(0); }
  } resign{*this};
  while (true) {
    bool won = false;
    std::string failure;
    try {
      won = co_await stand();
    } catch (const Error& error) {
      failure = error.message();
    }
    if (won) co_await hold();
    co_await pause(failure.empty() ? kLookAgain : Duration(500ms));
  }
}

}  // namespace storage::etcd
