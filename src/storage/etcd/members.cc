#include "storage/etcd/members.h"

#include "base/error.h"
#include "base/log.h"
#include "base/random.h"
#include "base/strings.h"
#include "storage/etcd/messages.h"

namespace storage::etcd {
namespace {

constexpr Duration kFirstPause = 20ms;
constexpr Duration kLongestPause = 500ms;

// Refusals that are told before anything is proposed to the members.
bool is_refusal(const Answer& answer) {
  return answer.says("etcdserver: no leader") || answer.says("not capable");
}

bool wants_login(const Answer& answer) {
  return answer.code == Code::Unauthenticated || answer.says("invalid auth token") ||
         answer.says("user name is empty") || answer.says("revision of auth store is old") ||
         answer.says("revision in header is old");
}

}  // namespace

Members::Members(net::IoLoop& loop, MembersOptions options)
    : loop_(loop), options_(std::move(options)) {
  net::TlsIdentityPtr identity;
  if (!options_.certificate_pem.empty()) {
    identity = std::make_shared<net::TlsIdentity>(options_.certificate_pem, options_.key_pem);
  }
  for (const std::string& text : options_.urls) {
    ChannelOptions member{http::parse_url(text), nullptr};
    if (member.url.tls) {
      if (options_.ca_pem.empty()) {
        throw Error::bad_request(text + " needs a CA certificate to be trusted by");
      }
      member.tls =
          net::TlsContext::client({options_.ca_pem, false, member.url.host, identity, {"h2"}});
    }
    members_.push_back(std::move(member));
  }
  if (members_.empty()) throw Error::bad_request("no etcd server is named");
  at_ = random_below(members_.size());
}

std::string Members::names() const { return join(options_.urls, ","); }

std::shared_ptr<Channel> Members::current() {
  if (closed_) throw Error(Reason::ServiceUnavailable, "the store is closed");
  if (!channel_) channel_ = std::make_shared<Channel>(loop_, members_[at_]);
  return channel_;
}

void Members::give_up(const std::shared_ptr<Channel>& channel) {
  channel->close();
  if (channel_ != channel) return;
  channel_ = nullptr;
  at_ = (at_ + 1) % members_.size();
}

void Members::ended(const StreamCall& stream, std::string_view reason) {
  Answer why = stream.outcome();
  if (!reason.empty()) why = {Code::Unknown, std::string(reason)};
  if (forget_token(why)) return;
  if (why.broken || is_refusal(why)) give_up(stream.channel());
}

void Members::check(Duration limit) {
  if (!channel_ || channel_->silence() < limit) return;
  log(LogLevel::Warning, "storage", "an etcd member does not answer; trying another",
      {{"member", channel_->name()}});
  give_up(std::shared_ptr(channel_));
}

void Members::close() {
  closed_ = true;
  if (channel_) channel_->close();
}

Task<Answer> Members::log_in(std::shared_ptr<Channel> channel) {
  if (options_.user.empty() || !token_.empty() || open_to_all_) co_return Answer{};
  Bytes request = frame(encode_authenticate(options_.user, options_.password));
  Answer answer = co_await channel->unary(std::string(kAuthenticate), request, "");
  if (answer.ok()) token_ = parse_token(answer.text);
  if (answer.says("authentication is not enabled")) {
    open_to_all_ = true;
    co_return Answer{};
  }
  answer.sent = false;  // whatever the login was for
  co_return answer;
}

// Whether the call may be tried again with a new token.
bool Members::forget_token(const Answer& answer) {
  if (options_.user.empty() || !wants_login(answer)) return false;
  token_.clear();
  open_to_all_ = false;
  return true;
}

Task<Answer> Members::call(std::string_view path, std::string message, Repeat repeat,
                           Duration patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  const Bytes request = frame(message);
  Duration pause = kFirstPause;
  int logins = 0;
  while (true) {
    auto channel = current();
    Answer answer = co_await log_in(channel);
    if (answer.ok()) answer = co_await channel->unary(std::string(path), request, token_);
    if (answer.ok()) co_return answer;
    if (forget_token(answer) && ++logins <= 3) continue;
    if (answer.code != Code::Unavailable || closed_) co_return answer;
    bool refused = is_refusal(answer);
    if (answer.broken || refused) give_up(channel);
    bool unharmed = repeat == Repeat::Harmless || !answer.sent || refused;
    if (!unharmed || std::chrono::steady_clock::now() > end) co_return answer;
    co_await sleep_for(pause);
    pause = std::min(2 * pause, kLongestPause);
  }
}

Task<std::unique_ptr<StreamCall>> Members::open(std::string_view path, std::string first,
                                                Answer* failure) {
  auto channel = current();
  *failure = co_await log_in(channel);
  if (!failure->ok()) co_return nullptr;
  auto stream = co_await channel->open(std::string(path), frame(first), token_, failure);
  if (!stream && !forget_token(*failure)) give_up(channel);
  co_return stream;
}

}  // namespace storage::etcd
