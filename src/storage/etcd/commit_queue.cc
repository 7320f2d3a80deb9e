#include "storage/etcd/commit_queue.h"

#include <algorithm>

#include "base/error.h"
#include "storage/etcd/revisions.h"

namespace storage::etcd {
namespace {

constexpr std::size_t kMaxGroups = 2;  // under way; more commits than that wait and go together
constexpr std::size_t kMaxGroupBytes = 256 * 1024;
constexpr std::size_t kMaxSearch = 256;  // commits looked at for a group
// etcd takes a nested transaction's operations from what the outer one leaves.
constexpr std::size_t kMaxNestedOperations = 16;

// A deletion of what is absent makes no event, so that its place among others' would be unknown.
bool may_join(const TxnRequest& request) {
  return !request.changes.empty() && request.changes.size() <= kMaxNestedOperations &&
         request.compares.size() <= kMaxNestedOperations &&
         std::ranges::all_of(request.changes,
                             [](const auto& change) { return change.value && change.lease == 0; });
}

void set_marks(TxnRequest& request, std::size_t first) {
  for (auto& change : request.changes) {
    if (change.value) change.mark = mark_of(first, *change.value);
    ++first;
  }
}

// What became of `count` transactions that went together; a bad answer is turned into a failed one.
std::vector<TxnAnswer> parse_all(Answer& answer, std::size_t count) {
  std::vector<TxnAnswer> all;
  if (!answer.ok()) return all;
  try {
    all = count == 1 ? std::vector{parse_txn(answer.text)} : parse_group(answer.text);
  } catch (const Error&) {  // judged by its length below
  }
  if (all.size() != count) answer = {Code::Unknown, "malformed; is this etcd?"};
  return all;
}

Answer unsent() { return {Code::Unavailable, "the store is closed", false, true}; }

}  // namespace

CommitQueue::CommitQueue(Members& members, Scope& scope, Limits limits)
    : members_(members), scope_(scope), limits_(limits) {}

bool CommitQueue::Group::takes(const Commit& commit, const Limits& limits) const {
  if (commits.empty()) return true;
  bool fits = commits.size() + 1 + kMaxNestedOperations <= limits.operations &&
              writes + commit.request.changes.size() <= kMaxOperations &&
              bytes + commit.bytes <= std::min(kMaxGroupBytes, limits.bytes);
  if (!fits) return false;
  return std::ranges::none_of(commit.request.compares,
                              [this](const auto& one) { return written.contains(one.key); }) &&
         std::ranges::none_of(commit.request.changes, [this](const auto& one) {
           return written.contains(one.key) || compared.contains(one.key);
         });
}

void CommitQueue::Group::add(CommitPtr commit) {
  bytes += commit->bytes;
  writes += commit->request.changes.size();
  for (const auto& one : commit->request.compares) compared.insert(one.key);
  for (const auto& one : commit->request.changes) written.insert(one.key);
  commits.push_back(std::move(commit));
}

std::vector<CommitQueue::CommitPtr> CommitQueue::next_group() {
  Group group;
  std::size_t looked_at = 0;
  for (auto it = waiting_.begin(); it != waiting_.end() && looked_at < kMaxSearch; ++looked_at) {
    bool cancelled = (*it)->done.settled();
    if (!cancelled && !group.takes(**it, limits_)) {
      ++it;
      continue;
    }
    if (!cancelled) group.add(std::move(*it));
    it = waiting_.erase(it);
  }
  return std::move(group.commits);
}

// One of the groups that may be under way; settles what it has taken.
class CommitQueue::Turn {
 public:
  explicit Turn(CommitQueue& queue) : queue_(queue) { ++queue_.groups_; }
  ~Turn() {
    --queue_.groups_;
    // What is not settled by now was broken off.
    Answer broken_off{Code::Unavailable, "the store is closed", true, true};
    for (const auto& one : group) one->done.resolve({broken_off, {}, 0});
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  std::vector<CommitPtr> group;

 private:
  CommitQueue& queue_;
};

// A turn takes its commits when it starts, so that those of one turn of the loop go together.
void CommitQueue::send_more() {
  if (waiting_.empty() || groups_ >= kMaxGroups) return;
  scope_.spawn("commits", send(std::make_unique<Turn>(*this)));
}

void CommitQueue::close() {
  closed_ = true;
  for (const auto& one : std::exchange(waiting_, {})) one->done.resolve({unsent(), {}, 0});
}

Task<Answer> CommitQueue::call(std::string message) {
  try {
    co_return co_await members_.call(kTxn, std::move(message), Repeat::Never);
  } catch (const Error&) {
    co_return unsent();
  }
}

Task<CommitQueue::Outcome> CommitQueue::commit_alone(TxnRequest request) {
  set_marks(request, 0);
  Answer answer = co_await call(encode(request));
  auto transactions = parse_all(answer, 1);
  if (!answer.ok()) co_return Outcome{std::move(answer), {}, 0};
  co_return Outcome{{}, std::move(transactions.front()), 0};
}

Task<CommitQueue::Outcome> CommitQueue::commit(TxnRequest request) {
  if (closed_) co_return Outcome{unsent(), {}, 0};
  if (!may_join(request)) co_return co_await commit_alone(std::move(request));
  co_return co_await wait_for<Outcome>([&](Resolver<Outcome> done) {
    std::size_t bytes = bytes_of(request);
    waiting_.push_back(std::make_shared<Commit>(std::move(request), bytes, std::move(done)));
    send_more();
  });
}

Task<> CommitQueue::send(std::unique_ptr<Turn> turn) {
  turn->group = next_group();
  std::vector<std::size_t> first;
  std::vector<TxnRequest> requests;
  std::size_t index = 0;
  for (const auto& commit : turn->group) {
    first.push_back(index);
    set_marks(commit->request, index);
    index += commit->request.changes.size();
    requests.push_back(std::move(commit->request));
  }
  if (requests.empty()) co_return;
  bool nested = requests.size() > 1;
  Answer answer = co_await call(nested ? encode_group(requests) : encode(requests.front()));
  auto transactions = parse_all(answer, requests.size());
  if (answer.ok()) answer.text.clear();
  for (std::size_t i = 0; i < requests.size(); ++i) {
    Outcome outcome{answer, {}, first[i]};
    if (answer.ok()) outcome.transaction = std::move(transactions[i]);
    turn->group[i]->done.resolve(std::move(outcome));
  }
  turn = nullptr;
  send_more();
}

}  // namespace storage::etcd
