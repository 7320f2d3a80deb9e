#pragma once

#include <string>

namespace storage {

// What was made in a directory, renamed or removed from it is so after a loss of power too. Blocks.
// An errno, or 0.
int sync_directory(const std::string& directory);

}  // namespace storage
