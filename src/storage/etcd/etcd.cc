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

EtcdOptions within_limits(EtcdOptions options) {
  options.max_operations = std::min(options.max_operations, kMaxOperations);
  return options;
}

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
    : options_(within_limits(std::move(options))),
      keys_{normal_prefix(options_.prefix)},
      members_(loop_, options_.members),
      feed_(members_, keys_, [this](const WatchEvent& event) { on_control(event); }),
      election_(members_, keys_, new_name(), options_.lease),
      scope_(loop_),
      commits_(members_, scope_, {options_.max_operations, options_.max_bytes}) {
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
  EtcdRevision present = parse_range(answer.text).revision;
  note_newest(present);
  note_oldest(co_await find_oldest(members_, keys_, present));
  scope_.spawn("tick", tick());
  scope_.spawn("probe", probe());
  scope_.spawn("history", keep_history());
}

Task<> EtcdStore::close() {
  scope_.cancel();
  commits_.close();
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
    request.compares.push_back({keys_.of(compare.key), expected_of(compare.expected)});
  }
  for (const Write& write : transaction.writes) {
    auto& change = request.changes.emplace_back(keys_.of(write.key));
    if (write.value) change.value = write.value->view();
  }
  return request;
}

Task<CommitResult> EtcdStore::commit_here(Transaction transaction) {
  std::size_t operations = std::max(transaction.compares.size(), transaction.writes.size());
  TxnRequest request = request_of(transaction);
  std::size_t bytes = bytes_of(request);
  if (operations > options_.max_operations || bytes > options_.max_bytes) {
    throw Error(Reason::RequestEntityTooLarge,
                fmt::format("a transaction of {} operations and {} bytes is over etcd's limits of "
                            "{} and {}",
                            operations, bytes, options_.max_operations, options_.max_bytes));
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
  auto [answer, outcome, index] = co_await commits_.commit(std::move(request));
  if (!answer.ok()) co_return co_await settle_unknown(std::move(transaction), std::move(answer));
  note_newest(outcome.revision);
  CommitResult result{outcome.succeeded, end_of(outcome.revision), end_of(outcome.revision)};
  if (outcome.succeeded && outcome.changed) result.first = revision_of(outcome.revision, index);
  for (std::size_t i = 0; !outcome.succeeded && i < outcome.compared.size(); ++i) {
    if (i >= transaction.compares.size()) break;
    result.failed_compare = i;
    if (outcome.compared[i] != expected_of(transaction.compares[i].expected)) break;
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
  EtcdRevision revision{};
  Revision first{};
  bool found = false;
  for (std::size_t i = 0; i < transaction.writes.size(); ++i) {
    const Write& write = transaction.writes[i];
    auto record = co_await find_here(write.key);
    bool same = record.has_value() == write.value.has_value();
    if (same && record) same = record->value.view() == write.value->view();
    EtcdRevision modified = record ? transaction_of(record->modified) : EtcdRevision{};
    if (same && record && found) same = modified == revision;
    for (const Compare& compare : transaction.compares) {
      bool older = record && modified <= transaction_of(compare.expected);
      if (compare.key == write.key && older) same = false;
    }
    if (!same) {
      found = false;
      break;
    }
    if (!record) continue;
    if (!found) first = Revision{storage::number(record->modified) - i};
    revision = modified;
    found = true;
  }
  if (!found) {
    throw Error(
        Reason::Timeout,
        "the outcome of the write is unknown, read before trying again: etcd: " + answer.text,
        Error::Details{.retry_after_seconds = 1});
  }
  co_await wait_seen(revision);
  co_return CommitResult{true, first, end_of(revision)};
}

Task<> EtcdStore::compact_here(EtcdRevision revision) {
  revision = std::min(revision, transaction_of(newest()));
  if (end_of(revision) <= oldest()) co_return;
  note_oldest(revision);  // first: a reader that starts now must not expect what is about to go
  Answer answer = co_await members_.call(kCompact, encode_compact(revision), Repeat::Harmless);
  if (!answer.ok() && !is_compacted(answer)) throw to_error(answer, "compacting");
}

Task<Revision> EtcdStore::attach_here(Load load, Observer* observer) {
  CHECK(!feed_.running());
  EtcdRevision revision = co_await read_objects(
      members_, keys_, [&load](const RecordView& record) { load(0, record); });
  note_newest(revision);
  scope_.spawn("feed", feed_observer(observer, revision));
  // The feed runs from its first turn on; commits are to be waited for from now on.
  while (!feed_.running()) co_await yield_to_loop();
  co_return end_of(revision);
}

}  // namespace storage::etcd

namespace storage {

std::unique_ptr<Store> open_etcd(EtcdOptions options) {
  return std::make_unique<etcd::EtcdStore>(std::move(options));
}

}  // namespace storage
