// Commits on their way to etcd. What comes while others are under way goes together, as one
// transaction of etcd with one nested in it for each: a proposal, a sync and a message on the watch
// serve them all. Each is judged by its own compares. Loop-bound. Decision: docs/adr/0008-etcd.md.
#pragma once

#include <deque>
#include <memory>
#include <set>
#include <string_view>
#include <vector>

#include "base/scope.h"
#include "storage/etcd/members.h"
#include "storage/etcd/messages.h"

namespace storage::etcd {

class CommitQueue {
 public:
  struct Limits {
    std::size_t operations = 128;  // etcd's --max-txn-ops
    std::size_t bytes = 0;         // etcd's --max-request-bytes
  };
  // `scope` owns the calls of groups, and ends before the queue does.
  CommitQueue(Members& members, Scope& scope, Limits limits);

  struct Outcome {
    Answer answer;          // of the call; the rest is set only if it is ok
    TxnAnswer transaction;  // this commit's
    std::size_t index = 0;  // of its first write within etcd's transaction
  };
  // The views in `request` must live until this returns. Marks are set here. Never sends twice.
  Task<Outcome> commit(TxnRequest request);
  // What has not been sent yet fails. Call it behind the scope's cancel().
  void close();

 private:
  struct Commit {
    TxnRequest request;
    std::size_t bytes = 0;
    Resolver<Outcome> done;
  };
  using CommitPtr = std::shared_ptr<Commit>;

  // Commits that can be carried out together: none writes what another reads or writes.
  struct Group {
    std::vector<CommitPtr> commits;
    std::size_t bytes = 0, writes = 0;
    std::set<std::string_view> written, compared;
    bool takes(const Commit& commit, const Limits& limits) const;
    void add(CommitPtr commit);
  };

  class Turn;

  void send_more();
  std::vector<CommitPtr> next_group();
  Task<> send(std::unique_ptr<Turn> turn);
  Task<Answer> call(std::string message);
  Task<Outcome> commit_alone(TxnRequest request);

  Members& members_;
  Scope& scope_;
  const Limits limits_;
  std::deque<CommitPtr> waiting_;
  std::size_t groups_ = 0;  // under way
  bool closed_ = false;
};

}  // namespace storage::etcd
