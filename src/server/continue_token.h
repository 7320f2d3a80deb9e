// The opaque token that asks for the next page of a list. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "cache/cache.h"

namespace server {

struct ContinueToken {
  std::uint64_t revision = 0;  // of the first page
  cache::Key next;             // where the next page begins
};

std::string print_continue_token(const ContinueToken& token);
// BadRequest if it is not one of ours.
Result<ContinueToken> parse_continue_token(std::string_view text);

}  // namespace server
