#include "client/watch.h"

#include "base/error.h"
#include "json/text.h"

namespace client {
namespace {

constexpr std::size_t kMaxEventBytes = 16 * 1024 * 1024;

EventType type_of(std::string_view text) {
  if (text == "MODIFIED") return EventType::Modified;
  if (text == "DELETED") return EventType::Deleted;
  if (text == "BOOKMARK") return EventType::Bookmark;
  return EventType::Added;
}

class StreamWatch final : public Watch {
 public:
  explicit StreamWatch(http::Response response) : response_(std::move(response)) {}

  Task<std::optional<WatchEvent>> next() override {
    while (true) {
      std::size_t end = buffer_.find('\n', searched_);
      if (end != std::string::npos) {
        std::string line = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        searched_ = 0;
        if (!line.empty()) co_return parse(line);
        continue;
      }
      searched_ = buffer_.size();
      if (buffer_.size() > kMaxEventBytes) {
        throw Error(Reason::InternalError, "a watch event is over 16 MiB");
      }
      auto piece = co_await response_.body->read();
      if (!piece) co_return std::nullopt;
      buffer_ += piece->view();
    }
  }

 private:
  static WatchEvent parse(const std::string& line) {
    auto value = json::parse(line);
    if (!value) throw Error(Reason::InternalError, "a watch event is not JSON");
    std::string type = (*value)["type"].str();
    if (type == "ERROR") {
      const json::Value& status = (*value)["object"];
      throw error_from_status(status, static_cast<int>(status["code"].as_int(500)));
    }
    return {type_of(type), (*value)["object"]};
  }

  http::Response response_;
  std::string buffer_;
  std::size_t searched_ = 0;
};

}  // namespace

std::unique_ptr<Watch> make_watch(http::Response response) {
  return std::make_unique<StreamWatch>(std::move(response));
}

}  // namespace client
