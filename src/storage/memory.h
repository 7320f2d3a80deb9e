// The engine for tests and simulation: everything in memory, nothing survives. Passes the same
// contract as the others and fails on demand.
#pragma once

#include <memory>

#include "storage/store.h"

namespace storage {

class MemoryStore final : public Store {
 public:
  MemoryStore();
  ~MemoryStore() override;

  Task<CommitResult> commit(Transaction transaction) override;
  Task<std::optional<Record>> find(std::string key) override;
  Task<RangeResult> range(RangeOptions options) override;
  Revision attach(Load load, Observer& observer) override;
  Task<std::vector<PastEvent>> history(Revision since, std::size_t limit, NewestValues newest,
                                       KeyFilter wanted) override;
  Task<> compact(Revision revision) override;
  Revision newest() const override;
  Revision oldest() const override;
  Health health() const override;

  // The next `count` commits fail as on a full disk.
  void fail_commits(std::size_t count);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace storage
