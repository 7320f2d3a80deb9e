#include "cluster/ingress_forward.h"

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace cluster {
namespace {

constexpr std::array<std::string_view, 11> kHopByHop = {"expect",
                                                        "connection",
                                                        "keep-alive",
                                                        "proxy-connection",
                                                        "proxy-authenticate",
                                                        "te",
                                                        "proxy-authorization",
                                                        "trailer",
                                                        "transfer-encoding",
                                                        "upgrade",
                                                        "http2-settings"};

bool is_idempotent(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "PUT" ||
         method == "DELETE";
}

}  // namespace

http::Headers end_to_end(const http::Headers& headers) {
  std::vector<std::string> named;  // by Connection
  for (const auto& [name, value] : headers.all()) {
    if (name != "connection") continue;
    for (std::string_view option : split(value, ',')) named.push_back(lower(trim(option)));
  }
  http::Headers kept;
  for (const auto& [name, value] : headers.all()) {
    bool hop = std::ranges::find(kHopByHop, name) != kHopByHop.end() ||
               std::ranges::find(named, name) != named.end();
    if (!hop) kept.add(name, value);
  }
  return kept;
}

// The one real body, and what has been taken from it.
struct ForwardedRequest::SharedBody {
  std::unique_ptr<http::BodyReader> body;
  bool touched = false;
  bool had_bytes = false;
  bool ended = false;
};

class ForwardedRequest::BodyView final : public http::BodyReader {
 public:
  explicit BodyView(std::shared_ptr<SharedBody> shared) : shared_(std::move(shared)) {}
  Task<std::optional<Bytes>> read() override {
    shared_->touched = true;
    if (shared_->ended) co_return std::nullopt;
    auto piece = co_await shared_->body->read();
    (piece ? shared_->had_bytes : shared_->ended) = true;
    co_return piece;
  }
  std::optional<std::uint64_t> known_size() const override {
    return shared_->ended ? 0 : shared_->body->known_size();
  }

 private:
  std::shared_ptr<SharedBody> shared_;
};

ForwardedRequest::ForwardedRequest(http::Request request)
    : request_(std::move(request)), body_(std::make_shared<SharedBody>()) {
  body_->body = std::move(request_.body);
  if (!body_->body) body_->body = http::body_of(Bytes());
  std::string scheme = request_.peer.tls ? "https" : "http";
  std::string client = request_.peer.address;
  client = client.substr(0, client.rfind(':'));
  if (client.starts_with('[')) client = client.substr(1, client.size() - 2);
  request_.headers = end_to_end(request_.headers);
  // Whatever the client claims about its way here is replaced: there is no proxy before this one.
  request_.headers.set("x-forwarded-for", client);
  request_.headers.set("x-forwarded-host", request_.authority);
  request_.headers.set("x-forwarded-proto", scheme);
  request_.headers.set("x-real-ip", client);
}

bool ForwardedRequest::can_be_sent() const {
  if (!body_->touched) return true;
  return body_->ended && !body_->had_bytes && is_idempotent(request_.method);
}

http::Request ForwardedRequest::make() {
  http::Request copy;
  copy.method = request_.method;
  copy.target = request_.target;
  copy.authority = request_.authority;
  copy.headers = request_.headers;
  copy.peer = request_.peer;
  copy.body = std::make_unique<BodyView>(body_);
  return copy;
}

}  // namespace cluster
