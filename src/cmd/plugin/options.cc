#include "cmd/plugin/options.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "object/names.h"
#include "object/selector.h"
#include "tenancy/path.h"

namespace plugin {

Options::Options(std::string usage, std::string about, std::string example)
    : usage_(std::move(usage)), about_(std::move(about)), example_(std::move(example)) {}

void Options::positional(std::string name, std::string* value) {
  positional_name_ = std::move(name);
  positional_ = value;
}

void Options::add(std::string name, char brief, std::string* value, std::string help) {
  auto take = [value](std::string_view text) { *value = text; };
  flags_.push_back({std::move(name), brief, std::move(help), *value, false, std::move(take)});
}

void Options::add_list(std::string name, std::vector<std::string>* values, Commas commas,
                       std::string help) {
  std::string fallback = join(*values, ",");
  auto take = [values, commas, first = true](std::string_view text) mutable {
    if (std::exchange(first, false)) values->clear();
    if (commas == Commas::Belong) {
      values->emplace_back(text);
      return;
    }
    for (std::string_view part : split(text, ',')) {
      if (!trim(part).empty()) values->emplace_back(trim(part));
    }
  };
  flags_.push_back({std::move(name), 0, std::move(help), fallback, false, std::move(take)});
}

void Options::add_switch(std::string name, bool* on, std::string help) {
  auto take = [on](std::string_view text) { *on = text != "false"; };
  flags_.push_back({std::move(name), 0, std::move(help), "", true, std::move(take)});
}

std::string Options::help() const {
  std::string text = fmt::format("{}\n\nUsage:\n  {}\n\nFlags:\n", about_, usage_);
  for (const Flag& flag : flags_) {
    std::string name = "--" + flag.name;
    if (flag.brief) name = fmt::format("-{}, {}", flag.brief, name);
    std::string fallback = flag.fallback.empty() ? "" : fmt::format(" (default {})", flag.fallback);
    text += fmt::format("  {:<35} {}{}\n", name, flag.help, fallback);
  }
  return text + fmt::format("\nExample:\n  {}\n", example_);
}

Options::Flag* Options::find(std::string_view name) {
  auto it = std::ranges::find_if(flags_, [&](const Flag& flag) {
    if (name.starts_with("--")) return name.substr(2) == flag.name;
    return flag.brief && name.size() == 2 && name[1] == flag.brief;
  });
  return it == flags_.end() ? nullptr : &*it;
}

void Options::take_argument(const std::string& argument) {
  if (!positional_ || std::exchange(seen_, true)) {
    throw Error(Reason::BadRequest, "unexpected argument " + argument + "; see --help");
  }
  *positional_ = argument;
}

bool Options::parse(const std::vector<std::string>& arguments) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--help" || argument == "-h") {
      fmt::print("{}", help());
      return false;
    }
    if (argument.size() < 2 || argument[0] != '-') {
      take_argument(argument);
      continue;
    }
    std::size_t equals = argument.find('=');
    Flag* flag = find(std::string_view(argument).substr(0, equals));
    if (!flag) {
      throw Error(Reason::BadRequest,
                  "unknown flag " + argument.substr(0, equals) + "; see --help");
    }
    if (equals != std::string::npos) {
      flag->take(std::string_view(argument).substr(equals + 1));
    } else if (flag->is_switch) {
      flag->take("true");
    } else if (i + 1 < arguments.size()) {
      flag->take(arguments[++i]);
    } else {
      throw Error(Reason::BadRequest, "flag " + argument + " needs a value; see --help");
    }
  }
  if (positional_ && !seen_) {
    throw Error(Reason::BadRequest, positional_name_ + " is missing; see --help");
  }
  return true;
}

std::string take_verb(std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments.front().starts_with('-')) return {};
  std::string verb = arguments.front();
  arguments.erase(arguments.begin());
  return verb;
}

int answer_without_verb(const std::string& verb, const std::vector<std::string>& arguments,
                        std::string_view group, std::string_view help) {
  if (!verb.empty()) {
    throw Error(Reason::BadRequest,
                fmt::format("unknown command {0} {1}; see kubectl kcp {0} --help", group, verb));
  }
  fmt::print("{}", help);
  return arguments.empty() ? 2 : 0;
}

Result<Duration> parse_duration(std::string_view flag, std::string_view text) {
  auto wrong = [&] {
    return std::unexpected(Error::bad_request(
        fmt::format("--{} must be a duration such as 30s or 1m, not {}", flag, quote(text))));
  };
  constexpr std::pair<std::string_view, Duration> kUnits[] = {
      {"ms", 1ms}, {"s", 1s}, {"m", 1min}, {"h", 1h}};
  Duration total{0};
  if (text.empty()) return wrong();
  while (!text.empty()) {
    std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    auto number = parse_u64(text.substr(0, digits));
    text.remove_prefix(digits);
    std::size_t letters = std::min(text.find_first_of("0123456789"), text.size());
    auto unit = std::ranges::find(kUnits, text.substr(0, letters),
                                  &std::pair<std::string_view, Duration>::first);
    if (!number || *number > 1'000'000 || unit == std::end(kUnits)) return wrong();
    total += unit->second * static_cast<std::int64_t>(*number);
    text.remove_prefix(letters);
  }
  return total;
}

Result<ExportName> parse_export_name(std::string_view text) {
  std::size_t colon = text.rfind(':');
  ExportName name;
  if (colon != std::string_view::npos) {
    name = {std::string(text.substr(0, colon)), std::string(text.substr(colon + 1))};
  }
  bool good = tenancy::is_path(name.path) && object::check_dns1123_subdomain(name.name).empty();
  if (good) return name;
  return std::unexpected(Error::bad_request(fmt::format(
      "{} does not name an APIExport: fully qualified reference to workspace where APIExport "
      "exists is required. The format is `<full>:<path>:<to>:<apiexport>`",
      quote(text))));
}

Result<object::GroupResource> parse_group_resource(std::string_view text) {
  std::size_t dot = text.find('.');
  object::GroupResource resource;
  resource.resource = text.substr(0, dot);
  if (dot != std::string_view::npos) resource.group = text.substr(dot + 1);
  if (resource.group == "core") resource.group.clear();
  bool good = object::check_dns1035_label(resource.resource).empty() &&
              (resource.group.empty() || object::check_dns1123_subdomain(resource.group).empty());
  if (good) return resource;
  return std::unexpected(Error::bad_request(
      fmt::format("{} is not a resource; write it like deployments.apps or secrets", quote(text))));
}

Result<std::pair<std::string, std::string>> parse_pair(std::string_view flag,
                                                       std::string_view text) {
  std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return std::unexpected(
        Error::bad_request(fmt::format("--{} must be key=value, not {}", flag, quote(text))));
  }
  return std::pair(std::string(text.substr(0, equals)), std::string(text.substr(equals + 1)));
}

Result<json::Value> selector_object(std::string_view text) {
  using Operator = object::LabelSelector::Operator;
  auto selector = object::LabelSelector::parse(text);
  if (!selector) return std::unexpected(selector.error());
  json::Value result = json::Value::object();
  for (const auto& requirement : selector->requirements()) {
    bool equals = requirement.op == Operator::In && requirement.values.size() == 1 &&
                  !result["matchLabels"].contains(requirement.key);
    if (equals) {
      result.edit("matchLabels").set(requirement.key, requirement.values.front());
      continue;
    }
    const char* op = nullptr;
    if (requirement.op == Operator::In) op = "In";
    if (requirement.op == Operator::NotIn) op = "NotIn";
    if (requirement.op == Operator::Exists) op = "Exists";
    if (requirement.op == Operator::DoesNotExist) op = "DoesNotExist";
    if (!op) {
      return std::unexpected(
          Error::bad_request(fmt::format("the selector {} compares numbers, which cannot be "
                                         "stored; use =, !=, in, notin or a bare "
                                         "key",
                                         quote(text))));
    }
    json::Value entry = json::Value::object({{"key", requirement.key}, {"operator", op}});
    for (const std::string& value : requirement.values) entry.edit("values").push_back(value);
    result.edit("matchExpressions").push_back(std::move(entry));
  }
  return result;
}

}  // namespace plugin
