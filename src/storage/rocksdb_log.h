// Judging RocksDB's write-ahead log before RocksDB reads it, because none of its recovery modes
// both tolerates a write that was torn by a loss of power and sees each flipped bit: damage that
// looks like the end of a file makes them drop what stands behind it in silence.
//
// Every write of this engine is synced before the next begins, so at most one record, the last, may
// be incomplete without having been acknowledged. Damage with anything behind it is corruption.
// Zeros up to the end of a file are room ahead (rocksdb_log_room.h).
// Source: RocksDB's log format (doc: Write-Ahead-Log-File-Format), blocks of 32 KiB.
#pragma once

#include <string>

namespace storage {

struct LogVerdict {
  enum class State {
    Whole,
    Torn,     // the last record is incomplete or damaged
    Damaged,  // a record that was followed by others is damaged
  };
  State state = State::Whole;
  std::string place;  // file and offset of the damage
};

// Reads every log file in `directory`; changes nothing. Throws Error(ServiceUnavailable) if one
// cannot be read.
LogVerdict judge_log(const std::string& directory);

}  // namespace storage
