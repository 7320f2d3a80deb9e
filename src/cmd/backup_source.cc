#include "cmd/backup_source.h"

#include <atomic>
#include <filesystem>
#include <map>

#include "base/child_task.h"
#include "base/error.h"
#include "base/log.h"
#include "cmd/backup_format.h"
#include "cmd/files.h"

namespace cmd {
namespace {

constexpr std::size_t kPieceBytes = 512 * 1024;

// One backup at a time: each keeps what is overwritten meanwhile from being given back.
class Turn {
 public:
  explicit Turn(std::shared_ptr<std::atomic<bool>> busy) : busy_(std::move(busy)) {
    if (busy_->exchange(true)) {
      busy_ = nullptr;
      throw Error(Reason::TooManyRequests, "another backup is running; try again after it",
                  {.retry_after_seconds = 10});
    }
  }
  ~Turn() {
    if (busy_) *busy_ = false;
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  std::shared_ptr<std::atomic<bool>> busy_;
};

std::map<std::string, std::string> shard_files(const std::string& root) {
  std::map<std::string, std::string> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(root + "/pki", error)) {
    std::string name = "pki/" + entry.path().filename().string();
    if (!is_shard_file(name) || !entry.is_regular_file(error)) continue;
    if (auto content = read_file(entry.path()); content && content->size() <= kMaxShardFile) {
      files.emplace(std::move(name), std::move(*content));
    }
  }
  return files;
}

void check_caller(const BackupSource& source, const http::Request& request) {
  auth::UserPtr user = value_or_throw(source.authenticator.authenticate(request));
  if (!user->in_group(auth::kMasters)) {
    throw Error(Reason::Forbidden, "forbidden: only members of system:masters may make a backup");
  }
  if (request.path() != kBackupPath) {
    throw Error(Reason::NotFound, "the server could not find the requested resource");
  }
  if (request.method != "GET") {
    throw Error(Reason::MethodNotAllowed, "a backup is read with GET");
  }
}

Task<> send_backup(std::shared_ptr<const BackupSource> source,
                   std::shared_ptr<std::atomic<bool>> busy, http::Request request,
                   http::ResponseWriter& response) {
  check_caller(*source, request);
  Turn turn(std::move(busy));
  auto files = co_await offload([root = source->root_directory] { return shard_files(root); });
  auto snapshot = co_await source->store.snapshot();
  BackupWriter writer;
  co_await response.start(
      200, {{"content-type", "application/octet-stream"}, {"cache-control", "no-store"}});
  BackupHeader header{snapshot->revision(), source->version, format_time(source->clock.now())};
  co_await response.write(Bytes(writer.header(header)));
  for (const auto& [name, content] : files) {
    co_await response.write(Bytes(writer.file(name, content)));
  }
  std::size_t count = 0;
  while (true) {
    auto records = co_await snapshot->next(kPieceBytes);
    if (records.empty()) break;
    count += records.size();
    co_await response.write(Bytes(writer.records(records)));
  }
  co_await response.write(Bytes(writer.end()));
  co_await response.finish();
  log(LogLevel::Info, "backup", "sent a backup",
      {{"revision", std::to_string(number(header.revision))}, {"records", std::to_string(count)}});
}

}  // namespace

http::Handler make_backup_handler(BackupSource source) {
  auto shared = std::make_shared<const BackupSource>(std::move(source));
  auto busy = std::make_shared<std::atomic<bool>>(false);
  return [shared, busy](http::Request request, http::ResponseWriter& response) {
    return send_backup(shared, busy, std::move(request), response);
  };
}

}  // namespace cmd
