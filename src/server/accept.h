// In which form a client wants its answer. Pure. Source: reference kube-apiserver.md 1.3.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace server {

struct Form {
  enum class Kind { Object, Table, Partial } kind = Kind::Object;
  bool aggregated_discovery = false;
  bool yaml = false;
};

// The first form in an Accept header that this server speaks; NotAcceptable if there is none.
Result<Form> negotiate(std::string_view accept);

}  // namespace server
