#include "http/message.h"

#include "base/error.h"
#include "base/strings.h"

namespace http {

Headers::Headers(std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
  for (const auto& [name, value] : fields) add(name, value);
}

void Headers::add(std::string_view name, std::string_view value) {
  fields_.emplace_back(lower(name), value);
}

void Headers::set(std::string_view name, std::string_view value) {
  remove(name);
  add(name, value);
}

void Headers::remove(std::string_view name) {
  std::erase_if(fields_, [&](const auto& field) { return equals_ignore_case(field.first, name); });
}

std::optional<std::string_view> Headers::find(std::string_view name) const {
  for (const auto& [key, value] : fields_) {
    if (equals_ignore_case(key, name)) return value;
  }
  return {};
}

std::string_view Headers::get(std::string_view name) const { return find(name).value_or(""); }

std::string_view Request::path() const {
  return std::string_view(target).substr(0, target.find('?'));
}

std::string_view Request::query() const {
  std::size_t at = target.find('?');
  return at == std::string::npos ? "" : std::string_view(target).substr(at + 1);
}

namespace {

class WholeBody final : public BodyReader {
 public:
  explicit WholeBody(Bytes bytes) : bytes_(std::move(bytes)) {}
  Task<std::optional<Bytes>> read() override {
    if (bytes_.empty()) co_return std::nullopt;
    co_return std::exchange(bytes_, Bytes());
  }

 private:
  Bytes bytes_;
};

}  // namespace

std::unique_ptr<BodyReader> body_of(Bytes bytes) {
  return std::make_unique<WholeBody>(std::move(bytes));
}

Task<std::string> read_all(BodyReader& body, std::size_t limit) {
  std::string all;
  while (auto piece = co_await body.read()) {
    if (all.size() + piece->size() > limit) {
      throw Error(Reason::RequestEntityTooLarge,
                  "Request entity too large: limit is " + std::to_string(limit));
    }
    all += piece->view();
  }
  co_return all;
}

Task<> ResponseWriter::send(int status, Headers headers, Bytes body) {
  headers.set("content-length", std::to_string(body.size()));
  co_await start(status, std::move(headers));
  if (!body.empty()) co_await write(std::move(body));
  co_await finish();
}

}  // namespace http
