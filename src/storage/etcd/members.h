// The members of one etcd as a whole: calls go to one of them, and to the next when that fails.
// Logs in and renews the token. Loop-bound.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "storage/etcd/grpc.h"

namespace storage::etcd {

struct MembersOptions {
  std::vector<std::string> urls;         // "https://10.0.0.1:2379", at least one
  std::string ca_pem;                    // whom to trust, for https
  std::string certificate_pem, key_pem;  // the client's, "" = none
  std::string user, password;            // "" = none
};

// Whether a call may be carried out twice.
enum class Repeat { Harmless, Never };

class Members {
 public:
  // Throws Error(BadRequest): an URL or a file's content is wrong.
  Members(net::IoLoop& loop, MembersOptions options);

  // Tries other members, for at most `patience`, while that can do no harm. A Repeat::Never call is
  // tried again only if it certainly was not carried out.
  Task<Answer> call(std::string_view path, std::string message, Repeat repeat,
                    Duration patience = 10s);
  // Opens a stream at one member; null (and why) if that does not take it, the next call then goes
  // to another.
  Task<std::unique_ptr<StreamCall>> open(std::string_view path, std::string first, Answer* failure);

  // Gives up the present member if it leaves a call without any sign for longer than `limit`; so
  // does a member that is stopped or behind a dead link.
  void check(Duration limit);
  // A stream has ended, for the reason that its member gave, or its outcome if that is "".
  void ended(const StreamCall& stream, std::string_view reason);
  void close();
  std::size_t open_connections() const { return channel_ ? channel_->open_connections() : 0; }
  std::string names() const;  // for messages

 private:
  std::shared_ptr<Channel> current();
  void give_up(const std::shared_ptr<Channel>& channel);
  // Sees to it that there is a token, if one is needed.
  Task<Answer> log_in(std::shared_ptr<Channel> channel);
  bool forget_token(const Answer& answer);

  net::IoLoop& loop_;
  const MembersOptions options_;
  std::vector<ChannelOptions> members_;
  std::size_t at_ = 0;
  std::shared_ptr<Channel> channel_;
  std::string token_;
  bool open_to_all_ = false;  // etcd said that it asks nobody who he is
  bool closed_ = false;
};

}  // namespace storage::etcd
