#include "storage/sync_directory.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace storage {

int sync_directory(const std::string& directory) {
  int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int error = fd < 0 || ::fsync(fd) != 0 ? errno : 0;
  if (fd >= 0) ::close(fd);
  return error;
}

}  // namespace storage
