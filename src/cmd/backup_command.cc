// kcp backup: saves a running control plane to a file, or checks such a file.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "cmd/backup_format.h"
#include "cmd/backup_source.h"
#include "cmd/flags.h"
#include "cmd/kubeconfig_client.h"
#include "cmd/program.h"
#include "json/text.h"
#include "storage/sync_directory.h"

namespace cmd {
namespace {

constexpr std::size_t kMaxErrorBytes = 64 * 1024;
constexpr std::uint64_t kProgressBytes = 256 * 1024 * 1024;

Error failed(const char* what, const std::string& path) {
  return {Reason::ServiceUnavailable,
          fmt::format("cannot {} {}: {}", what, path, std::strerror(errno))};
}

// A file that is not there until it is whole: it is written beside its name, and removed unless it
// was published.
class NewFile {
 public:
  explicit NewFile(std::string folder)
      : folder_(std::move(folder)), path_(fmt::format("{}/.kcp-backup-{}", folder_, ::getpid())) {
    fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd_ < 0) throw failed("write", path_);
  }
  ~NewFile() {
    if (fd_ >= 0) ::close(fd_);
    if (!published_) ::unlink(path_.c_str());
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      ssize_t count = ::write(fd_, bytes.data(), bytes.size());
      if (count < 0) throw failed("write", path_);
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
  }
  void sync() {
    if (::fsync(fd_) != 0) throw failed("write", path_);
  }
  void publish(const std::string& name) {
    if (::rename(path_.c_str(), name.c_str()) != 0) throw failed("write", name);
    published_ = true;
    errno = storage::sync_directory(folder_);
    if (errno != 0) throw failed("write", folder_);
  }
  const std::string& path() const { return path_; }

 private:
  std::string folder_, path_;
  int fd_ = -1;
  bool published_ = false;
};

void tell(const std::string& path, const BackupSummary& summary) {
  fmt::print("{}: revision {}, {} records, {} files, {:.1f} MiB, taken {} from {}\n", path,
             number(summary.header.revision), summary.records, summary.files,
             static_cast<double>(summary.bytes) / (1 << 20), summary.header.time,
             summary.header.version);
}

std::string file_in(const std::string& folder, const BackupSummary& summary) {
  std::string time = summary.header.time;
  std::erase(time, ':');
  return fmt::format("{}/kcp-{}-{}.backup", folder, time, number(summary.header.revision));
}

Task<> receive(Connection from, NewFile& file) {
  http::Request request;
  request.method = "GET";
  request.target = kBackupPath;
  request.headers = from.headers;
  auto response = co_await from.transport->send(std::move(request));
  if (response.status != 200) {
    std::string text = co_await http::read_all(*response.body, kMaxErrorBytes);
    auto status = json::parse(text);
    throw Error(Reason::ServiceUnavailable,
                fmt::format("the server refuses: {}",
                            status ? (*status)["message"].str() : std::to_string(response.status)));
  }
  std::uint64_t received = 0, told = 0;
  while (auto piece = co_await response.body->read()) {
    file.write(piece->view());
    received += piece->size();
    if (received - told < kProgressBytes) continue;
    told = received;
    fmt::print("{} MiB\n", received >> 20);
    std::fflush(stdout);
  }
}

Task<> make_backup(Connection from, std::string to) {
  bool is_folder = std::filesystem::is_directory(to);
  auto parent = std::filesystem::path(to).parent_path();
  std::string folder = is_folder ? to : parent.empty() ? "." : parent.string();
  NewFile file(folder);
  co_await receive(std::move(from), file);
  file.sync();
  BackupSummary summary = read_backup(file.path(), {});
  std::string name = is_folder ? file_in(to, summary) : to;
  file.publish(name);
  tell(name, summary);
}

std::string default_kubeconfig() {
  const char* path = std::getenv("KUBECONFIG");
  return path && *path ? path : ".kcp/admin.kubeconfig";
}

}  // namespace

int backup_command(const std::vector<std::string>& arguments) {
  std::string kubeconfig = default_kubeconfig(), context, to, verify;
  Flags flags("kcp backup --to FILE [flags]",
              "Saves a running control plane, with its keys, to a file; writes go on meanwhile.",
              "kcp backup --kubeconfig .kcp/admin.kubeconfig --to /var/backups");
  flags.add("to", &to, "the file to write, or a directory that gets a new one");
  flags.add("kubeconfig", &kubeconfig, "an administrator's kubeconfig");
  flags.add("context", &context, "its context; the current one if empty");
  flags.add("verify", &verify, "check this backup instead of making one");
  auto outcome = flags.parse(arguments);
  if (outcome != Flags::Outcome::Run) return outcome == Flags::Outcome::Help ? 0 : 2;
  if (to.empty() == verify.empty()) {
    fmt::print(stderr, "kcp: backup needs either --to or --verify; see --help\n");
    return 2;
  }
  int status = 1;
  try {
    if (!verify.empty()) {
      tell(verify, read_backup(verify, {}));
      return 0;
    }
    net::LoopPool pool(1);
    status = run_until_stopped(
        pool, make_backup(open_connection(pool.at(0), load_access(kubeconfig, context)), to));
    pool.stop();
  } catch (const Error& error) {
    fmt::print(stderr, "kcp: {}\n", error.message());
  }
  return status;
}

}  // namespace cmd
