// Making a root directory from a backup.
#pragma once

#include <string>

#include "cmd/backup_format.h"

namespace cmd {

// Revisions that may have been given out between the backup and its restoration are skipped, so
// that whoever has seen one lists again instead of taking later writes for what he has seen.
inline constexpr std::uint64_t kRevisionGap = 1'000'000'000;

// `root` must be empty or missing. Everything is checked before anything is written, and written
// beside `root`, which is there only once it is whole. Throws Error with what is wrong.
BackupSummary restore_backup(const std::string& from, const std::string& root);

}  // namespace cmd
