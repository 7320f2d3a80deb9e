// Reading what other servers on the same store have written. What the cache shows may be behind
// by a moment; before an answer that depends on it, the server catches up. A store of our own is
// never behind, and nothing of this is done.
#pragma once

#include <optional>
#include <utility>

#include "base/error.h"
#include "registry/registry.h"

namespace server {

// Whether an error may come of something that has not arrived yet.
bool may_be_stale(Reason reason);

// Runs `attempt`, which makes a Task; if it fails for want of something that others have written by
// now, it is run again with that. For creations, which need no look at the newest state otherwise.
template <class Attempt>
auto attempt_with_newest(registry::Registry& registry, Attempt attempt) -> decltype(attempt()) {
  std::uint64_t before = registry.objects().revision();
  std::optional<Error> failure;
  try {
    co_return co_await attempt();
  } catch (const Error& error) {
    failure = error;
  }
  if (!registry.store().shared() || !may_be_stale(failure->reason())) throw *std::move(failure);
  co_await registry.store().catch_up();
  if (registry.objects().revision() == before) throw *std::move(failure);
  co_return co_await attempt();
}

}  // namespace server
