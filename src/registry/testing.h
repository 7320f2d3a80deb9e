// What a test of anything above the registry begins with: a registry of workspaces over a store in
// memory, on a loop and a clock that the test moves. Fixtures derive from it. One with parts of its
// own calls close() before they go.
#pragma once

#include <memory>

#include "base/clock.h"
#include "base/manual_loop.h"
#include "cache/cache.h"
#include "registry/make.h"
#include "storage/memory.h"

namespace registry {

class InMemoryRegistry {
 protected:
  // What was cut off ends, an abandoned watch for one; then the store, which feeds the cache and
  // all that listens to it.
  void close() {
    loop_.run_until_idle();
    store_.reset();
  }

  ManualLoop loop_;
  FakeClock clock_;
  std::unique_ptr<storage::Store> store_ = std::make_unique<storage::MemoryStore>();
  std::unique_ptr<cache::Cache> cache_ = cache::make_cache(*store_);
  std::unique_ptr<Registry> registry_ =
      make_registry({Flavour::Workspaces, *store_, *cache_, clock_});
};

}  // namespace registry
