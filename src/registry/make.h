// How a Registry comes to be.
#pragma once

#include <memory>
#include <string_view>

#include "registry/registry.h"

namespace registry {

// Which built-in kinds are served.
enum class Flavour {
  Workspaces,    // logical clusters: no workload kinds, workspaces instead
  PlainCluster,  // one cluster (kPlainCluster) with pods, deployments, ...
};

// The logical cluster name under which a plain cluster keeps its objects.
inline constexpr std::string_view kPlainCluster = "cluster";

struct Options {
  Flavour flavour = Flavour::Workspaces;
  storage::Store& store;
  cache::Cache& cache;
  const Clock& clock;
};

// The registry with the built-in kinds' rules installed. Everything referred to must outlive it.
std::unique_ptr<Registry> make_registry(Options options);

}  // namespace registry
