// A controller::Feed over the cache of the server that the controller runs in: it holds no copies
// of objects, they are parsed when they are asked for. Loop-bound.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/task.h"
#include "cache/cache.h"
#include "controller/controller.h"

namespace controllers {

struct LocalFeedOptions {
  std::vector<cache::TableId> tables;  // all behind the one source
  // Whether changes are reported with a tree of name, namespace, labels and cluster only, which
  // costs no parsing.
  bool headers_only = false;
  // Whether an object, in its new state, may matter at all; null = all do. Must be cheap: it sees
  // every write to the tables.
  std::function<bool(const cache::Item&)> concerns = nullptr;
  // A change between two states that this says are the same is not reported; null = all are.
  std::function<bool(const json::Value& before, const json::Value& after)> same = nullptr;
};

// For Source::make_feed; `cache` must outlive the feed. The source's label_selector applies. The
// feed's run() throws Error(Expired) when it was too slow and events were lost: the controller is
// then started anew, which lists everything again. run_locally() does so.
std::function<std::unique_ptr<controller::Feed>(const controller::Source&, controller::OnChange)>
local_feed(cache::Cache& cache, LocalFeedOptions options);

// controller::run(), started anew when it fails. `make` makes the controller.
Task<> run_locally(std::function<std::shared_ptr<controller::Controller>()> make,
                   const Clock& clock, controller::Options options);

}  // namespace controllers
