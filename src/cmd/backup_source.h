// The server's side of `kcp backup`: GET kBackupPath streams the whole shard at one revision, while
// writes go on. For members of system:masters only: it has everything of every tenant, and the
// keys.
#pragma once

#include <string>

#include "auth/authenticator.h"
#include "base/clock.h"
#include "http/message.h"
#include "storage/store.h"

namespace cmd {

inline constexpr const char* kBackupPath = "/admin/backup";

struct BackupSource {
  storage::Store& store;
  const auth::Authenticator& authenticator;
  const Clock& clock;
  std::string root_directory;  // its keys become part of the backup
  std::string version;
};

// One backup at a time; a second is answered with 429. All that is referred to must outlive it.
http::Handler make_backup_handler(BackupSource source);

}  // namespace cmd
