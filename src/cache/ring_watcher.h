// A cursor into the ring of a table.
#pragma once

#include <optional>

#include "cache/table.h"

namespace cache {

class RingWatcher final : public Watcher {
 public:
  // Begins behind `revision`, which is where the event at `position` comes next.
  RingWatcher(MemoryTable& table, Filter filter, std::uint64_t revision, std::uint64_t position);

  void take(Batch& batch) override;
  Waiter& waiter(Loop& loop) override;
  void stir() override;

 private:
  void read_ring(std::uint64_t& position, Batch& batch);
  void read_slice(std::uint64_t& position, std::uint64_t& seen, Batch& batch);
  std::shared_ptr<const RingSlice> copy(std::uint64_t position, std::uint64_t seen) const;

  MemoryTable& table_;
  const Filter filter_;
  std::uint64_t revision_;  // everything up to here has been seen
  std::uint64_t position_;  // until there is a waiter, which keeps it then
  std::optional<Waiter> waiter_;
};

}  // namespace cache
