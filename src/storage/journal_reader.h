// Reading the journal back after a start, and judging it: a write that was torn by a loss of power
// is told from damage to what was acknowledged.
//
// Every record is durable before the next begins, so at most one, the last, may be incomplete
// without having been acknowledged. Damage with anything behind it is corruption.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "storage/journal_format.h"

namespace storage {

struct JournalFileInfo {
  std::string path;
  std::uint64_t number = 0;  // files are read in this order
  std::uint64_t last = 0;    // sequence of its last record; 0: it has none
  std::uint64_t whole = 0;   // bytes up to the end of that record
  std::uint64_t size = 0;
};

struct JournalVerdict {
  enum class State {
    Whole,
    Torn,     // the last record is incomplete or damaged
    Damaged,  // a record that was followed by others is damaged or missing
  };
  State state = State::Whole;
  std::string place;                   // file and offset of the damage
  std::vector<JournalFileInfo> files;  // until the damage
  std::uint64_t first = 0, last = 0;   // sequences; 0: there are no records
  Revision newest{};                   // of the last record
};

// Reads every journal file in `directory`; changes nothing. Throws Error(ServiceUnavailable) if one
// cannot be read.
JournalVerdict judge_journal(const std::string& directory);

// Every record behind `after`, in their order, from files that were judged.
void read_journal(const std::vector<JournalFileInfo>& files, std::uint64_t after,
                  const std::function<void(const journal::Record&)>& take);

std::string journal_path(const std::string& directory, std::uint64_t number);

}  // namespace storage
