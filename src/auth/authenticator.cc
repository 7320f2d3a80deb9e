#include "auth/authenticator.h"

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

Authenticator::Authenticator(std::map<std::string, UserPtr> tokens) {
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
  auto unauthorized = std::unexpected(Error(Reason::Unauthorized, "Unauthorized"));
  if (request.peer.certificate_invalid) return unauthorized;
  if (!request.peer.certificate_der.empty()) {
    return user_of_certificate(request.peer.certificate_der);
  }
  std::string_view header = request.headers.get("authorization");
  if (header.empty()) return anonymous();
  if (header.size() < 8 || !equals_ignore_case(header.substr(0, 7), "bearer ")) return unauthorized;
  auto it = by_digest_.find(pki::sha256(trim(header.substr(7))));
  if (it == by_digest_.end()) return unauthorized;
  return it->second;
}

}  // namespace auth
