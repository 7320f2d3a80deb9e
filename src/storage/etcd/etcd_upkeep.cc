// What goes on beside the calls: health, history, leadership.
#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "storage/etcd/etcd_store.h"

namespace storage::etcd {
namespace {

constexpr Duration kTick = 500ms;
constexpr Duration kProbePeriod = 1s;
constexpr Duration kProbePatience = 3s;
constexpr Duration kSilenceLimit = 3s;  // then a member is given up
constexpr Duration kFeedLimit = 15s;    // then whoever waits for the feed is told so

struct LeadershipLost : std::exception {};

}  // namespace

void EtcdStore::set_health(std::string message) {
  std::lock_guard lock(health_mutex_);
  if (message == health_.message) return;
  log(message.empty() ? LogLevel::Info : LogLevel::Error, "storage",
      message.empty() ? "etcd takes writes again" : "etcd takes no writes", {{"why", message}});
  health_ = {message.empty(), std::move(message)};
}

Task<> EtcdStore::tick() {
  while (true) {
    co_await sleep_for(kTick);
    members_.check(kSilenceLimit);
    feed_.check(kFeedLimit);
  }
}

// Looks whether there is a quorum and room.
Task<> EtcdStore::probe() {
  while (true) {
    std::string message;
    try {
      Answer answer = co_await members_.call(
          kRange, encode(RangeRequest{.key = keys_.control("barrier"), .keys_only = true}),
          Repeat::Harmless, kProbePatience);
      if (answer.ok()) {
        answer =
            co_await members_.call(kAlarm, encode_alarm_query(), Repeat::Harmless, kProbePatience);
        // Without the right to ask, a refused write tells.
        std::string alarm = answer.ok() ? parse_alarms(answer.text) : "";
        if (alarm == "NOSPACE") answer = {Code::ResourceExhausted, "database space exceeded"};
        if (alarm == "CORRUPT") answer = {Code::Unavailable, "the alarm CORRUPT is raised"};
        bool fine = alarm.empty() && answer.code != Code::Unavailable;
        if (!fine) message = to_error(answer, "writing").message();
      } else {
        message = to_error(answer, "reading").message();
      }
    } catch (const Error& error) {
      message = error.message();
    }
    set_health(std::move(message));
    co_await sleep_for(kProbePeriod);
  }
}

// Once in a while one of the servers, whichever comes first, compacts to what was newest the time
// before. The key "compacted" says so, to all.
Task<> EtcdStore::keep_history() {
  const std::string key = keys_.control("compacted");
  EtcdRevision turn{}, past{};
  while (true) {
    std::string failure;
    try {
      if (past == EtcdRevision{}) past = co_await read_newest(members_, keys_);
      Answer present = co_await read_key(members_, key, true);
      RangeAnswer found = parse_range(present.text);
      turn = found.records.empty() ? EtcdRevision{} : found.records.front().modified;
    } catch (const Error& error) {
      failure = error.message();
    }
    co_await sleep_for(options_.history);
    if (!failure.empty()) continue;
    try {
      TxnRequest request;
      std::string text = std::to_string(number(past));
      request.compares.push_back({key, turn});
      request.changes.push_back({key, text});
      Answer answer = co_await members_.call(kTxn, encode(request), Repeat::Never);
      if (!answer.ok()) throw to_error(answer, "writing");
      bool mine = parse_txn(answer.text).succeeded;
      if (mine) co_await compact_here(past);
      past = parse_txn(answer.text).revision;
    } catch (const Error& error) {
      log(LogLevel::Warning, "storage", "history was not compacted", {{"error", error.message()}});
    }
  }
}

void EtcdStore::on_control(const WatchEvent& event) {
  if (event.current.key == keys_.control("leader")) election_.on_change(event);
  if (event.current.key == keys_.control("compacted") && !event.deleted) {
    if (auto revision = parse_u64(event.current.value)) note_oldest(EtcdRevision{*revision});
  }
}

Task<> EtcdStore::wait_for_office(bool leading) {
  co_await wait_for([this, leading](Resolver<Done> done) {
    loop_.post([this, leading, done = std::move(done)] { election_.wait(leading, done); });
  });
}

Task<> EtcdStore::lead(std::function<Task<>()> work, bool* ended) {
  struct Run {
    static Task<> work(std::function<Task<>()> make, Scope& scope, bool* over) {
      co_await make();
      *over = true;
      scope.cancel();
    }
    static Task<> watch(EtcdStore& store) {
      co_await store.wait_for_office(false);
      throw LeadershipLost();
    }
  };
  co_await with_scope([&](Scope& scope) -> Task<> {
    scope.spawn("work", Run::work(std::move(work), scope, ended));
    scope.spawn("office", Run::watch(*this));
    return scope.join();
  });
}

// Work begins from what the leaders before have left.
Task<> EtcdStore::work_when_current(std::function<Task<>()> work) {
  while (true) {
    bool current = false;
    try {
      co_await catch_up();
      current = true;
    } catch (const Error& error) {
      log(LogLevel::Warning, "storage", "cannot lead yet", {{"why", error.message()}});
    }
    if (current) co_return co_await work();
    co_await sleep_for(kTick);
  }
}

Task<> EtcdStore::while_leading(std::function<Task<>()> work) {
  struct Campaign {
    EtcdStore& store;
    explicit Campaign(EtcdStore& owner) : store(owner) {
      store.loop_.post(
          [one = &store] { one->campaign_ = one->scope_.spawn("election", one->election_.run()); });
    }
    ~Campaign() {
      store.loop_.post([one = &store] { one->campaign_.cancel(); });
    }
  } campaign(*this);
  bool ended = false;
  while (!ended) {
    co_await wait_for_office(true);
    try {
      co_await lead([this, &work] { return work_when_current(work); }, &ended);
    } catch (const LeadershipLost&) {  // and on to the next term
    }
  }
}

}  // namespace storage::etcd
