#include "storage/rewind.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace storage {

std::vector<Record> rewind(std::vector<Record> newest, const std::vector<PastEvent>& later,
                           const std::string& start, const std::string& end) {
  std::map<std::string, Record> state;
  for (Record& record : newest) {
    std::string key = record.key;
    state.emplace(std::move(key), std::move(record));
  }
  for (auto event = later.rbegin(); event != later.rend(); ++event) {
    if (event->key < start || (!end.empty() && event->key >= end)) continue;
    if (event->previous) {
      state[event->key] = *event->previous;
    } else {
      state.erase(event->key);
    }
  }
  std::vector<Record> records;
  for (auto& [key, record] : state) records.push_back(std::move(record));
  return records;
}

RangeResult page_of(std::vector<Record> records, const RangeOptions& options, Revision revision) {
  RangeResult result{std::move(records), revision, false};
  if (options.limit != 0 && result.records.size() > options.limit) {
    result.records.resize(options.limit);
    result.more = true;
  }
  return result;
}

Error compacted(Revision wanted, Revision oldest) {
  return {Reason::Expired, fmt::format("revision {} has been compacted; the oldest is {}",
                                       number(wanted), number(oldest))};
}

bool values_come_first(const Transaction& transaction) {
  return std::ranges::is_partitioned(transaction.writes,
                                     [](const Write& write) { return write.value.has_value(); });
}

std::size_t size_of(const Transaction& transaction) {
  std::size_t bytes = 0;
  for (const Compare& compare : transaction.compares) bytes += compare.key.size();
  for (const Write& write : transaction.writes) {
    bytes += write.key.size() + (write.value ? write.value->size() : 0);
  }
  return bytes;
}

Error too_large(std::size_t bytes) {
  return {Reason::RequestEntityTooLarge,
          fmt::format("a transaction of {} bytes is over the limit of {}", bytes,
                      kMaxTransactionBytes)};
}

std::string prefix_end(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty()) {
    auto last = static_cast<unsigned char>(end.back());
    if (last != 0xff) {
      end.back() = static_cast<char>(last + 1);
      return end;
    }
    end.pop_back();
  }
  return end;
}

}  // namespace storage
