#include "virtual_workspaces/syncer_stream.h"

#include "base/error.h"
#include "json/text.h"

namespace virtual_workspaces {
namespace {

constexpr std::size_t kMaxObject = 16 * 1024 * 1024;
constexpr std::string_view kItems = "\"items\":[";

Error malformed(std::string_view what) {
  return Error::internal("the shard's answer is malformed: " + std::string(what));
}

void check_size(const std::string& text) {
  if (text.size() > kMaxObject) throw malformed("an object is over 16 MiB");
}

json::Value parse(std::string_view text) {
  auto value = json::parse(text);
  if (!value) throw malformed(value.error().message());
  return std::move(*value);
}

// Begins the answer as the shard began it. Whether objects follow: an error is sent on whole.
Task<bool> begin(http::Response& from, http::ResponseWriter& to) {
  http::Headers headers{{"content-type", "application/json"},
                        {"cache-control", "no-cache, private"}};
  if (from.status < 400) {
    co_await to.start(from.status, std::move(headers));
    co_return true;
  }
  std::string body = co_await http::read_all(*from.body, kMaxObject);
  co_await to.send(from.status, std::move(headers), Bytes(std::move(body)));
  co_return false;
}

std::string rewritten_event(std::string_view line, const Rewrite& rewrite) {
  json::Value event = parse(line);
  std::string_view type = event["type"].as_string();
  if (type != "ADDED" && type != "MODIFIED" && type != "DELETED") return std::string(line) + "\n";
  event.set("object", rewrite(event["object"]));
  return json::print(event) + "\n";
}

}  // namespace

void ItemSplitter::feed_items(std::string_view text, std::vector<Part>& parts) {
  std::string around;
  auto flush = [&] {
    if (!around.empty()) parts.push_back({false, std::exchange(around, {})});
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (depth_ == 0 && c != '{') {
      around += c;
      if (c != ']') continue;
      state_ = State::Tail;
      around.append(text.substr(i + 1));
      break;
    }
    pending_ += c;
    if (in_string_) {
      if (!escaped_ && c == '"') in_string_ = false;
      escaped_ = !escaped_ && c == '\\';
      continue;
    }
    if (c == '"') in_string_ = true;
    if (c == '{' || c == '[') ++depth_;
    if ((c == '}' || c == ']') && --depth_ == 0) {
      flush();
      parts.push_back({true, std::exchange(pending_, {})});
    }
  }
  flush();
  check_size(pending_);
}

std::vector<ItemSplitter::Part> ItemSplitter::feed(std::string_view piece) {
  std::vector<Part> parts;
  switch (state_) {
    case State::Head: {
      pending_ += piece;
      check_size(pending_);
      std::size_t at = pending_.find(kItems);
      if (at == std::string::npos) break;
      std::string rest = pending_.substr(at + kItems.size());
      pending_.resize(at + kItems.size());
      parts.push_back({false, std::exchange(pending_, {})});
      state_ = State::Items;
      feed_items(rest, parts);
      break;
    }
    case State::Items: feed_items(piece, parts); break;
    case State::Tail: parts.push_back({false, std::string(piece)}); break;
  }
  return parts;
}

Task<> send_rewritten_list(http::Response from, const Rewrite& rewrite, http::ResponseWriter& to) {
  if (!co_await begin(from, to)) co_return;
  ItemSplitter splitter;
  while (auto piece = co_await from.body->read()) {
    for (auto& part : splitter.feed(piece->view())) {
      std::string text = part.is_item ? json::print(rewrite(parse(part.text))) : part.text;
      co_await to.write(Bytes(std::move(text)));
    }
  }
  co_await to.finish();
}

Task<> send_rewritten_watch(http::Response from, const Rewrite& rewrite,
                            const std::function<bool()>& is_open, http::ResponseWriter& to) {
  if (!co_await begin(from, to)) co_return;
  std::string buffer;
  std::size_t searched = 0;
  while (auto piece = co_await from.body->read()) {
    if (!is_open()) break;
    buffer += piece->view();
    std::string events;
    std::size_t begin_of_line = 0, end;
    while ((end = buffer.find('\n', std::max(searched, begin_of_line))) != std::string::npos) {
      auto line = std::string_view(buffer).substr(begin_of_line, end - begin_of_line);
      if (!line.empty()) events += rewritten_event(line, rewrite);
      begin_of_line = end + 1;
      if (events.size() > kMaxObject) co_await to.write(Bytes(std::exchange(events, {})));
    }
    buffer.erase(0, begin_of_line);
    searched = buffer.size();
    check_size(buffer);
    if (!events.empty()) co_await to.write(Bytes(std::move(events)));
  }
  co_await to.finish();
}

}  // namespace virtual_workspaces
