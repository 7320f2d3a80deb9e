#include "storage/etcd/etcd.h"

#include <fmt/format.h>

#include "base/check.h"
#include "base/error.h"
#include "base/random.h"
#include "base/strings.h"
#include "storage/etcd/etcd_store.h"

namespace storage::etcd {
namespace {

constexpr std::size_t kMaxInFlight = 512;  // commits
constexpr Duration kOpenPatience = 15s;

// A process that holds no file of the store is a new server each time it starts.
std::string new_name() { return random_uuid(); }

std::string normal_prefix(std::string prefix) {
  while (prefix.ends_with('/')) prefix.pop_back();
  if (prefix.empty() || !prefix.starts_with('/')) {
    throw Error::bad_request("the etcd prefix must begin with '/' and name something: " +
                             quote(prefix));
  }
  return prefix;
}

}  // namespace

EtcdStore::EtcdStore(EtcdOptions options)
    : options_(std::move(options)),
      keys_{normal_prefix(options_.prefix)},
      members_(loop_, options_.members),
      feed_(members_, keys_, [this](const WatchEvent& event) { on_control(event); }),
      election_(members_, keys_, new_name(), options_.lease),
      scope_(loop_) {
  thread_ = std::thread([this] { loop_.run(); });
  std::exception_ptr failure;
  try {
    block_on(open());
  } catch (...) {
    failure = std::current_exception();
  }
  if (!failure) return;
  shut_down();
  std::rethrow_exception(failure);
}

Task<> EtcdStore::open() {
  Answer answer = co_await members_.call(
      kRange, encode(RangeRequest{.key = keys_.control("barrier"), .keys_only = true}),
      Repeat::Harmless, kOpenPatience);
  if (!answer.ok()) {
    throw Error(Reason::ServiceUnavailable,
                fmt::format("cannot open the store at {}: {}", members_.names(), answer.text));
  }
  note_newest(parse_range(answer.text).revision);
  note_oldest(co_await find_oldest(members_, keys_, newest()));
  scope_.spawn("tick", tick());
  scope_.spawn("probe", probe());
  scope_.spawn("history", keep_history());
}

Task<> EtcdStore::close() {
  scope_.cancel();
  try {
    co_await with_deadline(election_.resign(), 2s, "resigning");
  } catch (const Error&) {  // the lease runs out by itself
  }
  members_.close();
  feed_.check(-1h);
  try {
    co_await scope_.join();
  } catch (const std::exception&) {  // how its tasks ended is of no interest any more
  }
  while (running_ > 0 || members_.open_connections() > 0) co_await sleep_for(1ms);
}

void EtcdStore::shut_down() {
  block_on(close());
  loop_.stop();
  thread_.join();
}

TxnRequest EtcdStore::request_of(const Transaction& transaction) const {
  TxnRequest request;
  for (const Compare& compare : transaction.compares) {
    request.compares.push_back({keys_.of(compare.key), compare.expected});
  }
  for (const Write& write : transaction.writes) {
    auto& change = request.changes.emplace_back(keys_.of(write.key));
    if (write.value) change.value = write.value->view();
  }
  return request;
}

Task<CommitResult> EtcdStore::commit_here(Transaction transaction) {
  std::size_t operations = std::max(transaction.compares.size(), transaction.writes.size());
  std::string request = encode(request_of(transaction));
  if (operations > options_.max_operations || request.size() > options_.max_bytes) {
    throw Error(
        Reason::RequestEntityTooLarge,
        fmt::format("a transaction of {} operations and {} bytes is over etcd's limits of "
                    "{} and {}",
                    operations, request.size(), options_.max_operations, options_.max_bytes));
  }
  while (in_flight_ >= kMaxInFlight) {
    co_await wait_for([this](Resolver<Done> done) { waiting_commits_.push_back(done); });
  }
  struct Slot {
    EtcdStore& store;
    explicit Slot(EtcdStore& owner) : store(owner) { ++store.in_flight_; }
    ~Slot() {
      --store.in_flight_;
      while (!store.waiting_commits_.empty()) {
        auto next = std::move(store.waiting_commits_.front());
        store.waiting_commits_.pop_front();
        if (next.settled()) continue;
        next.resolve(Done{});
        break;
      }
    }
  } slot(*this);
  Answer answer = co_await members_.call(kTxn, std::move(request), Repeat::Never);
  if (!answer.ok()) co_return co_await settle_unknown(std::move(transaction), std::move(answer));
  TxnAnswer outcome = parse_txn(answer.text);
  note_newest(outcome.revision);
  CommitResult result{outcome.succeeded, outcome.revision, 0};
  for (std::size_t i = 0; !outcome.succeeded && i < outcome.compared.size(); ++i) {
    if (i >= transaction.compares.size()) break;
    result.failed_compare = i;
    if (outcome.compared[i] != transaction.compares[i].expected) break;
  }
  // Who has lost a compare shall find what beat it.
  if (outcome.changed || !outcome.succeeded) co_await wait_seen(outcome.revision);
  co_return result;
}

// The call failed. If it may have been carried out all the same, what is stored tells, if it is
// just what this transaction would have written; otherwise nobody knows.
Task<CommitResult> EtcdStore::settle_unknown(Transaction transaction, Answer answer) {
  if (answer.says("space exceeded")) set_health(to_error(answer, "writing").message());
  if (!answer.sent || answer.code != Code::Unavailable) throw to_error(answer, "writing");
  Revision revision{};
  bool found = false;
  for (const Write& write : transaction.writes) {
    auto record = co_await find_here(write.key);
    bool same = record.has_value() == write.value.has_value();
    if (same && record) same = record->value.view() == write.value->view();
    if (same && record && found) same = record->modified == revision;
    for (const Compare& compare : transaction.compares) {
      if (compare.key == write.key && record && record->modified <= compare.expected) same = false;
    }
    if (!same) {
      found = false;
      break;
    }
    if (!record) continue;
    revision = record->modified;
    found = true;
  }
  if (!found) {
    throw Error(
        Reason::Timeout,
        "the outcome of the write is unknown, read before trying again: etcd: " + answer.text,
        Error::Details{.retry_after_seconds = 1});
  }
  co_await wait_seen(revision);
  co_return CommitResult{true, revision, 0};
}

Task<> EtcdStore::compact_here(Revision revision) {
  revision = std::min(revision, newest());
  if (revision <= oldest()) co_return;
  note_oldest(revision);  // first: a reader that starts now must not expect what is about to go
  Answer answer = co_await members_.call(kCompact, encode_compact(revision), Repeat::Harmless);
  if (!answer.ok() && !is_compacted(answer)) throw to_error(answer, "compacting");
}

Task<Revision> EtcdStore::attach_here(Load load, Observer* observer) {
  CHECK(!feed_.running());
  auto pages = co_await read_pages(
      members_, {.key = keys_.objects(), .end = prefix_end(keys_.objects())}, 0,
      [this, &load](const RangeAnswer& page, const std::shared_ptr<const std::string>&) {
        for (const KeyValue& one : page.records) {
          load(0, {*keys_.parse(one.key), one.value, one.created, one.modified});
        }
      });
  note_newest(pages.revision);
  scope_.spawn("feed", feed_observer(observer, pages.revision));
  // The feed runs from its first turn on; commits are to be waited for from now on.
  while (!feed_.running()) co_await yield_to_loop();
  co_return pages.revision;
}

}  // namespace storage::etcd

namespace storage {

std::unique_ptr<Store> open_etcd(EtcdOptions options) {
  return std::make_unique<etcd::EtcdStore>(std::move(options));
}

}  // namespace storage
