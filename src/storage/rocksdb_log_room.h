// Room ahead in the log: its files are written with zeros before their turn comes, so that the sync
// of a commit finds size and blocks of the file as they will be and has nothing to write but the
// data. What a crash leaves behind the last record are zeros, which RocksDB passes over and
// judge_log() takes for the end. A file that is closed ends with its last record.
#pragma once

#include <rocksdb/env.h>

#include <cstdint>
#include <memory>

namespace storage {

inline constexpr std::uint64_t kLogRoomBytes = 1024 * 1024;  // that are kept ahead of the records

// `base` (null: the operating system) with such logs; it must outlive the result. The room is made
// by a thread of its own; where it cannot be made, a log grows as it is written. Errors of the log
// itself are `base`'s.
std::unique_ptr<rocksdb::Env> env_with_log_room(rocksdb::Env* base);

}  // namespace storage
