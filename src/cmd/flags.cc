#include "cmd/flags.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "base/strings.h"

namespace cmd {

Flags::Flags(std::string usage, std::string about, std::string example)
    : usage_(std::move(usage)), about_(std::move(about)), example_(std::move(example)) {}

void Flags::add(std::string name, std::string* value, std::string help) {
  flags_.push_back({std::move(name), value, nullptr, std::move(help)});
}

void Flags::add_switch(std::string name, bool* value, std::string help) {
  flags_.push_back({std::move(name), nullptr, value, std::move(help)});
}

void Flags::print_help() const {
  fmt::print("{}\n\nUsage:\n  {}\n\nFlags:\n", about_, usage_);
  for (const Flag& flag : flags_) {
    std::string value = flag.text && !flag.text->empty() ? " (default " + *flag.text + ")" : "";
    fmt::print("  --{:<22} {}{}\n", flag.name, flag.help, value);
  }
  fmt::print("  --{:<22} {}\n\nExample:\n  {}\n", "help", "this text", example_);
}

Flags::Outcome Flags::parse(const std::vector<std::string>& arguments) {
  auto wrong = [&](const std::string& why) {
    fmt::print(stderr, "kcp: {}; see --help\n", why);
    return Outcome::Wrong;
  };
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string_view argument = arguments[i];
    if (argument == "--help" || argument == "-h") {
      print_help();
      return Outcome::Help;
    }
    if (words_ && !argument.starts_with("-")) {
      words_->emplace_back(argument);
      continue;
    }
    if (!argument.starts_with("--")) return wrong("unexpected argument " + std::string(argument));
    argument.remove_prefix(2);
    std::size_t equals = argument.find('=');
    std::string_view name = argument.substr(0, equals);
    auto flag = std::ranges::find(flags_, name, &Flag::name);
    if (flag == flags_.end()) return wrong("unknown flag --" + std::string(name));
    if (flag->on) {
      *flag->on = equals == std::string_view::npos || argument.substr(equals + 1) != "false";
    } else if (equals != std::string_view::npos) {
      *flag->text = argument.substr(equals + 1);
    } else if (i + 1 < arguments.size()) {
      *flag->text = arguments[++i];
    } else {
      return wrong("flag --" + std::string(name) + " needs a value");
    }
  }
  return Outcome::Run;
}

bool parse_port(std::string_view flag, std::string_view text, std::uint16_t* port) {
  auto number = parse_u64(text);
  if (!number || *number > 65535) {
    fmt::print(stderr, "kcp: --{} must be a number up to 65535, not {}\n", flag, text);
    return false;
  }
  *port = static_cast<std::uint16_t>(*number);
  return true;
}

}  // namespace cmd
