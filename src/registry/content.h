// What goes with the object that holds it: a namespace's or definition's content is removed with it
// in one transaction where that can be, and in steps where it can not. Thread-safe.
#pragma once

#include <vector>

#include "cache/cache.h"
#include "storage/store.h"

namespace registry {

// Whether these objects go in steps: some have finalizers, whose owners must be waited for, or they
// are too many for one transaction.
bool takes_steps(const std::vector<cache::Placed>& content);

// The objects of a namespace, or of a table in one cluster; as many as takes_steps() must see to
// decide.
std::vector<cache::Placed> content_of_namespace(const cache::Cache& cache, std::string_view cluster,
                                                std::string_view ns);
std::vector<cache::Placed> content_of_table(cache::Cache& cache, std::string_view cluster,
                                            const cache::TableId& table);

// Removes them; to be written together with the removal of what holds them.
std::vector<storage::Write> removals(const std::vector<cache::Placed>& content);

}  // namespace registry
