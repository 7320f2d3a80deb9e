#include "auth/authenticator.h"

#include <algorithm>
#include <mutex>

#include "base/strings.h"
#include "pki/certificate.h"
#include "pki/digest.h"

namespace auth {
namespace {

constexpr std::size_t kMaxCertificates = 4096;

UserPtr anonymous() {
  static const UserPtr user = [] {
    auto one = std::make_shared<User>();
    one->name = kAnonymous;
    one->groups = {std::string(kUnauthenticated)};
    return one;
  }();
  return user;
}

UserPtr authenticated(const User& user) {
  auto copy = std::make_shared<User>(user);
  if (!copy->in_group(kAuthenticated)) copy->groups.emplace_back(kAuthenticated);
  return copy;
}

}  // namespace

Authenticator::Authenticator(std::map<std::string, UserPtr> tokens, const AccountTokens* accounts)
    : accounts_(accounts) {
  for (const auto& [token, user] : tokens) {
    by_digest_[pki::sha256(token)] = authenticated(*user);
  }
}

Result<UserPtr> Authenticator::user_of_certificate(const std::string& der) const {
  {
    std::shared_lock lock(mutex_);
    auto it = by_certificate_.find(der);
    if (it != by_certificate_.end()) return it->second;
  }
  auto subject = pki::subject_of(der);
  if (!subject || subject->common_name.empty()) {
    return std::unexpected(Error(Reason::Unauthorized, "Unauthorized"));
  }
  User user;
  user.name = subject->common_name;
  user.groups = subject->organizations;
  UserPtr known = authenticated(user);
  std::unique_lock lock(mutex_);
  if (by_certificate_.size() >= kMaxCertificates) by_certificate_.clear();
  by_certificate_.emplace(der, known);
  return known;
}

Result<UserPtr> Authenticator::authenticate(const http::Request& request) const {
  if (request.peer.trusted_identity) {
    return std::static_pointer_cast<const User>(request.peer.trusted_identity);
  }
  // To leave it aside would do in the caller's own name what he wants to be done in another's.
  for (const auto& [name, value] : request.headers.all()) {
    if (!name.starts_with("impersonate-")) continue;
    return std::unexpected(Error(Reason::Forbidden,
                                 "impersonation is not supported; authenticate as the user in "
                                 "whose name this is to be done"));
  }
  auto unauthorized = std::unexpected(Error(Reason::Unauthorized, "Unauthorized"));
  if (request.peer.certificate_invalid) return unauthorized;
  if (!request.peer.certificate_der.empty()) {
    return user_of_certificate(request.peer.certificate_der);
  }
  std::string_view header = request.headers.get("authorization");
  if (header.empty()) return anonymous();
  if (header.size() < 8 || !equals_ignore_case(header.substr(0, 7), "bearer ")) return unauthorized;
  auto reviewed = review(trim(header.substr(7)), {});
  if (!reviewed) return unauthorized;
  return reviewed->user;
}

Result<AccountTokens::Verified> Authenticator::review(
    std::string_view token, const std::vector<std::string>& audiences) const {
  std::string own = accounts_ ? accounts_->issuer() : "";
  std::vector<std::string> wanted = audiences;
  if (wanted.empty() && accounts_) wanted = {own};
  AccountTokens::Verified verified;
  auto it = by_digest_.find(pki::sha256(token));
  if (it != by_digest_.end()) {
    verified = {it->second, {own}};
    if (audiences.empty()) return verified;
  } else {
    auto account = accounts_ ? accounts_->verify(token)
                             : std::unexpected(Error(Reason::Unauthorized, "unknown token"));
    if (!account) return std::unexpected(account.error());
    verified = std::move(*account);
  }
  std::erase_if(verified.audiences, [&](const std::string& one) {
    return std::ranges::find(wanted, one) == wanted.end();
  });
  if (verified.audiences.empty()) {
    return std::unexpected(Error(Reason::Unauthorized, "the token is not meant for the audiences " +
                                                           join(wanted, ", ") +
                                                           "; ask for one that is"));
  }
  return verified;
}

}  // namespace auth
