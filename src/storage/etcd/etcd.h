// The engine for several servers on one store: an etcd (3.4 or newer) of one or more members. Each
// commit is one etcd transaction, many in flight; one watch feeds the observer; reads of the
// present are linearizable. Leaders are elected by a lease. History is compacted by whichever
// server comes first. What an outage of members means for a write is told truthfully: see
// Store::commit.
//
// Keys: <prefix>/objects<key> are the store's records, <prefix>/control/... the engine's own. An
// etcd user needs read and write on <prefix>/ up to <prefix>0. Revisions and values: revisions.h.
// Decision: docs/adr/0008-etcd.md.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "storage/etcd/members.h"
#include "storage/store.h"

namespace storage {

struct EtcdOptions {
  etcd::MembersOptions members;
  std::string prefix = "/kcp";
  Duration history = 5min;              // it reaches back so far, and at most twice as far
  std::size_t max_operations = 128;     // etcd's --max-txn-ops; more than 128 are not used
  std::size_t max_bytes = 1536 * 1024;  // etcd's --max-request-bytes
  std::chrono::seconds lease = 10s;     // a leader that is gone is replaced after that
};

// Throws Error with one line that names the servers: BadRequest for wrong options,
// ServiceUnavailable if no quorum of them answers within 15 s.
std::unique_ptr<Store> open_etcd(EtcdOptions options);

}  // namespace storage
