#include "cmd/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/error.h"

namespace cmd {

std::optional<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return {};
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void write_file(const std::string& path, const std::string& content) {
  auto fail = [&](const char* what) {
    return Error(Reason::ServiceUnavailable,
                 std::string("cannot ") + what + " " + path + ": " + std::strerror(errno));
  };
  std::error_code error;
  auto folder = std::filesystem::path(path).parent_path();
  if (!folder.empty()) std::filesystem::create_directories(folder, error);
  if (error) {
    throw Error(Reason::ServiceUnavailable,
                "cannot make the folder " + folder.string() + ": " + error.message());
  }
  std::string fresh = path + ".new";
  int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) throw fail("write");
  std::size_t written = 0;
  while (written < content.size()) {
    ssize_t count = ::write(fd, content.data() + written, content.size() - written);
    if (count <= 0) {
      ::close(fd);
      throw fail("write");
    }
    written += static_cast<std::size_t>(count);
  }
  bool ok = ::fsync(fd) == 0;
  ::close(fd);
  if (!ok || ::rename(fresh.c_str(), path.c_str()) != 0) throw fail("write");
}

}  // namespace cmd
