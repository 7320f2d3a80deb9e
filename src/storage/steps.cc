#include <unordered_map>

#include "storage/store.h"

namespace storage {

Task<bool> commit_in_steps(Store& store, Transaction transaction) {
  const Limits limits = store.limits();
  std::unordered_map<std::string, Revision> expected;
  for (Compare& compare : transaction.compares) {
    expected.emplace(std::move(compare.key), compare.expected);
  }
  Transaction step;
  std::size_t bytes = 0;
  for (Write& write : transaction.writes) {
    std::size_t size = 2 * write.key.size() + (write.value ? write.value->size() : 0);
    bool full = step.writes.size() >= limits.operations || bytes + size > limits.bytes;
    if (full && !step.writes.empty()) {
      auto result = co_await store.commit(std::exchange(step, {}));
      if (!result.committed) co_return false;
      bytes = 0;
    }
    bytes += size;
    if (auto found = expected.find(write.key); found != expected.end()) {
      step.compares.push_back({write.key, found->second});
    }
    step.writes.push_back(std::move(write));
  }
  if (step.writes.empty()) co_return true;
  auto result = co_await store.commit(std::move(step));
  co_return result.committed;
}

}  // namespace storage
