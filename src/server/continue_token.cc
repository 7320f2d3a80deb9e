#include "server/continue_token.h"

#include "base/strings.h"
#include "json/text.h"

namespace server {

std::string print_continue_token(const ContinueToken& token) {
  return base64url_encode(json::print(json::Value::object({{"v", "kcp/v1"},
                                                           {"rv", token.revision},
                                                           {"c", token.next.cluster},
                                                           {"ns", token.next.ns},
                                                           {"n", token.next.name}})));
}

Result<ContinueToken> parse_continue_token(std::string_view text) {
  auto bad = std::unexpected(Error::bad_request("continue key is not valid"));
  auto bytes = base64url_decode(text);
  if (!bytes) return bad;
  auto value = json::parse(*bytes);
  if (!value || (*value)["v"].as_string() != "kcp/v1" || !(*value)["rv"].is_integer()) return bad;
  return ContinueToken{(*value)["rv"].as_uint(),
                       {(*value)["c"].str(), (*value)["ns"].str(), (*value)["n"].str()}};
}

}  // namespace server
