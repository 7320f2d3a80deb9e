// What differs between the objects that a cache has and a whole state of its store, which comes
// record by record. What is the same takes eight bytes per object here, no more. Not thread-safe;
// the tables must not change meanwhile.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <unordered_set>
#include <vector>

#include "cache/table.h"

namespace cache {

class Difference {
 public:
  using TableOf = std::function<MemoryTable&(const TableId&)>;
  explicit Difference(TableOf table_of) : table_of_(std::move(table_of)) {}

  // A record of the store, at most once per key.
  void add(const storage::RecordView& record);

  // After all records: what to change in the table so that it has just these. What is gone counts
  // as deleted at `revision`. To be asked once.
  std::vector<Change> take(const TableId& id, const MemoryTable& table, std::uint64_t revision);

 private:
  const TableOf table_of_;
  std::string last_name_;  // as in storage keys; neighbours are mostly of one table
  TableId last_id_;
  MemoryTable* last_table_ = nullptr;
  std::map<TableId, std::vector<Change>> written_;
  std::unordered_set<const Item*> found_;  // of the tables' items: they are not gone
};

}  // namespace cache
