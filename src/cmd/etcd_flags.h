// The flags with which `kcp start` is put on an etcd instead of the embedded store.
#pragma once

#include <optional>
#include <string>

#include "cmd/flags.h"
#include "storage/etcd/etcd.h"

namespace cmd {

class EtcdFlags {
 public:
  void add_to(Flags& flags);
  // After parsing: nothing if no server is named. Throws Error(BadRequest) with the flag that is
  // wrong, also if a file cannot be read.
  std::optional<storage::EtcdOptions> options() const;

 private:
  std::string servers_, ca_file_, certificate_file_, key_file_, user_, password_file_;
  std::string prefix_ = "/kcp";
};

}  // namespace cmd
