// How a journal file lies on disk. All numbers are big endian.
//   file    header (20 bytes), records, zeros up to the end: room ahead (journal_room.h)
//   header  magic (8), salt (8), checksum (4) of both
//   record  checksum (4) of the rest, seeded with the salt; length of the payload (4);
//           sequence (8); newest revision (8); payload
// Sequences go up by one, from file to file too. The salt is random: no tenant can write an object
// that looks like a record.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "storage/store.h"

namespace storage::journal {

inline constexpr std::size_t kFileHeader = 20;
inline constexpr std::size_t kRecordHeader = 24;

struct Record {
  std::uint64_t sequence = 0;
  Revision newest{};         // of the store, once the record is applied
  std::string_view payload;  // of the engine
};

std::string encode_file_header(std::string_view salt);      // 8 bytes of it
std::optional<std::string> salt_of(std::string_view file);  // nothing: a damaged header
std::string encode_record_header(std::string_view salt, const Record& record);
// The record that `bytes` begin with; nothing if there is no whole one.
std::optional<Record> decode_record(std::string_view salt, std::string_view bytes);
std::uint64_t sequence_at(std::string_view bytes);  // of what may be a record; 0 if it is too short

}  // namespace storage::journal
