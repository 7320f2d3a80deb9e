#include "cmd/etcd_flags.h"

#include "base/error.h"
#include "base/strings.h"
#include "cmd/files.h"

namespace cmd {
namespace {

std::string content_of(const char* flag, const std::string& path) {
  if (path.empty()) return "";
  auto text = read_file(path);
  if (!text) throw Error::bad_request("--" + std::string(flag) + ": cannot read " + path);
  return *text;
}

}  // namespace

void EtcdFlags::add_to(Flags& flags) {
  flags.add("etcd-servers", &servers_,
            "URLs of etcd's members, with commas between: use them instead of the embedded store");
  flags.add("etcd-cafile", &ca_file_, "certificates (PEM) that etcd's must be signed by");
  flags.add("etcd-certfile", &certificate_file_, "client certificate (PEM) for etcd");
  flags.add("etcd-keyfile", &key_file_, "its key (PEM)");
  flags.add("etcd-username", &user_, "user to log in to etcd as");
  flags.add("etcd-password-file", &password_file_, "file with that user's password");
  flags.add("etcd-prefix", &prefix_, "below which everything is kept in etcd");
}

std::optional<storage::EtcdOptions> EtcdFlags::options() const {
  if (servers_.empty()) {
    for (const std::string* other : {&ca_file_, &certificate_file_, &key_file_, &user_}) {
      if (!other->empty()) throw Error::bad_request("the flags for etcd need --etcd-servers");
    }
    return {};
  }
  if (certificate_file_.empty() != key_file_.empty()) {
    throw Error::bad_request("--etcd-certfile and --etcd-keyfile go together");
  }
  if (user_.empty() != password_file_.empty()) {
    throw Error::bad_request("--etcd-username and --etcd-password-file go together");
  }
  storage::EtcdOptions options;
  for (std::string_view url : split(servers_, ',')) {
    if (!trim(url).empty()) options.members.urls.emplace_back(trim(url));
  }
  options.members.ca_pem = content_of("etcd-cafile", ca_file_);
  options.members.certificate_pem = content_of("etcd-certfile", certificate_file_);
  options.members.key_pem = content_of("etcd-keyfile", key_file_);
  options.members.user = user_;
  options.members.password = trim(content_of("etcd-password-file", password_file_));
  options.prefix = prefix_;
  return options;
}

}  // namespace cmd
