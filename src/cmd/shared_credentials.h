// Several servers on one store are one API server to clients: they share the CA, the administrator
// and the key of service account tokens. These stand in the store under a key that no API reaches,
// and each server's root directory has a copy.
#pragma once

#include <string>

#include "base/clock.h"
#include "storage/store.h"

namespace cmd {

// Makes <root>/pki what the store says. The server whose write comes first puts there what it has
// or makes; nothing is written to disk before that is decided, so that no other CA is ever seen.
// Blocks. Call before anything of <root>/pki is loaded. Throws Error if the store or the files
// fail.
void share_credentials(storage::Store& store, const std::string& root, const Clock& clock);

}  // namespace cmd
