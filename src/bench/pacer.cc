#include "bench/pacer.h"

#include <algorithm>

namespace bench {

std::size_t Pacer::due_by(std::int64_t now) const {
  if (now < start_) return 0;
  auto passed = static_cast<std::size_t>(static_cast<double>(now - start_) / interval_) + 1;
  return std::min(passed, operations_);
}

Task<> pace(Pacer pacer, std::function<std::int64_t()> now,
            std::function<void(std::size_t operation, std::int64_t due)> send) {
  constexpr std::int64_t kShortest = 100'000;  // timers are not finer than this
  std::size_t sent = 0;
  while (sent < pacer.operations()) {
    std::int64_t moment = now();
    for (std::size_t due = pacer.due_by(moment); sent < due; ++sent) send(sent, pacer.due(sent));
    if (sent == pacer.operations()) break;
    co_await sleep_for(Duration(std::max(pacer.due(sent) - moment, kShortest)));
  }
}

}  // namespace bench
