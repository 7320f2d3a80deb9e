// Who leads among the servers of one etcd: the one whose lease holds the control key "leader". The
// lease lives ten seconds; a leader that could not renew it in time steps down before it has run
// out. Loop-bound. Source: etcd's documentation of leases.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "storage/etcd/feed.h"
#include "storage/etcd/members.h"

namespace storage::etcd {

class Election {
 public:
  Election(Members& members, Keys keys, std::string name, std::chrono::seconds lease);

  // Stands for election until cancelled.
  Task<> run();
  // Gives the office up, so that another need not wait for the lease's end.
  Task<> resign();

  bool leads() const { return lease_ != 0; }
  // Resolves when leads() is `leading`.
  void wait(bool leading, Resolver<Done> done);
  // A change of the key "leader" has been seen.
  void on_change(const WatchEvent& event);

 private:
  Task<bool> stand();
  Task<> hold();
  Task<bool> renew();
  Task<> pause(Duration limit);
  void settle(std::int64_t lease);

  Members& members_;
  const Keys keys_;
  const std::string name_;
  const std::chrono::seconds period_;
  std::int64_t lease_ = 0;       // while leading
  EtcdRevision since_{};         // when it was won
  std::int64_t last_lease_ = 0;  // may live on
  std::vector<std::pair<bool, Resolver<Done>>> waiters_;
  std::optional<Resolver<Done>> sleeper_;
};

}  // namespace storage::etcd
