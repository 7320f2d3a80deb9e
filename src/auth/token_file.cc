#include "auth/authenticator.h"
#include "base/strings.h"

namespace auth {
namespace {

// The fields of one line; quotes keep commas together.
std::vector<std::string> fields_of(std::string_view line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (char c : line) {
    if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  return fields;
}

}  // namespace

Result<std::map<std::string, UserPtr>> parse_token_file(std::string_view text) {
  std::map<std::string, UserPtr> users;
  std::size_t number = 0;
  for (std::string_view line : split(text, '\n')) {
    ++number;
    line = trim(line);
    if (line.empty() || line.starts_with('#')) continue;
    auto fields = fields_of(line);
    if (fields.size() < 3 || fields[0].empty() || fields[1].empty()) {
      return std::unexpected(Error::bad_request(
          "line " + std::to_string(number) + " of the token file must be token,user,uid[,groups]"));
    }
    auto user = std::make_shared<User>();
    user->name = fields[1];
    user->uid = fields[2];
    if (fields.size() > 3) {
      for (std::string_view group : split(fields[3], ',')) {
        if (!group.empty()) user->groups.emplace_back(group);
      }
    }
    users[fields[0]] = std::move(user);
  }
  return users;
}

}  // namespace auth
