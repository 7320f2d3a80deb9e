#include "cache/difference.h"

#include "cache/keys.h"

namespace cache {

void Difference::add(const storage::RecordView& record) {
  if (!record.key.starts_with('/')) return;  // reserved: no object
  auto place = split_storage_key(record.key);
  if (!place) return;
  if (!last_table_ || place->table != last_name_) {
    last_name_ = place->table;
    last_id_ = parse_table(last_name_);
    last_table_ = &table_of_(last_id_);
  }
  ItemPtr present = last_table_->find(place->key);
  if (present) found_.insert(present.get());
  if (present && present->revision() == storage::number(record.modified)) return;
  ItemPtr item = make_item(place, record);
  if (!item) return;
  KeyView key = item->key();
  written_[last_id_].push_back({key, std::move(item), storage::number(record.modified)});
}

std::vector<Change> Difference::take(const TableId& id, const MemoryTable& table,
                                     std::uint64_t revision) {
  std::vector<Change> changes;
  if (auto it = written_.find(id); it != written_.end()) changes = std::move(it->second);
  table.collect("", "", [&](const ItemPtr& item) {
    if (!found_.contains(item.get())) changes.push_back({item->key(), nullptr, revision});
    return true;
  });
  return changes;
}

}  // namespace cache
