// How the RocksDB engine lays out its bytes. Three column families:
//   kv    key -> created (8 bytes, big endian), modified (8), value
//   log   revision (8) -> key length (4), key, flags (1: now present, 2: was present), and if it
//         was present the previous record as in kv. The value that an event wrote is not repeated:
//         it is the previous one of the key's next event, or stands in kv.
//   meta  "format"; "oldest"; "newest": that revision, and the last record of the journal that is
//         in here (8)
// A record of the journal (journal_format.h) is a rocksdb::WriteBatch; to apply one again changes
// nothing if all later ones are applied again too.
// In format 1 all writes of a transaction had one revision; keys of the log had an index (4) more.
// Up to format 2 RocksDB's own log was the journal. Both are still read.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "storage/store.h"

namespace storage::format {

inline constexpr std::uint64_t kVersion = 3;

// Of the first `count` bytes, which must be there.
std::uint64_t read_number(std::string_view bytes, std::size_t count);
std::string encode_number(std::uint64_t value);                      // 8 bytes, big endian
std::optional<std::uint64_t> decode_number(std::string_view bytes);  // needs 8 bytes or more

std::string encode_newest(Revision newest, std::uint64_t journal);
std::uint64_t decode_journal(std::string_view newest);  // 0 if it is not there, as up to format 2

std::string encode_record(const Record& record);  // without the key
std::optional<Record> decode_record(std::string key, std::string_view bytes);
std::optional<RecordView> view_record(std::string_view key, std::string_view bytes);  // no copies

std::string log_key(Revision revision);
struct LogEntry {
  Revision revision{};
  std::string key;
  bool present = false;  // after the event
  std::optional<Record> previous;
};
enum class Present : bool { No, Yes };  // after the event
std::string encode_log(std::string_view key, Present present,
                       const std::optional<Record>& previous);
std::optional<LogEntry> decode_log(std::string_view key, std::string_view bytes);
std::optional<std::string_view> key_of_log(std::string_view bytes);  // no copy

}  // namespace storage::format
