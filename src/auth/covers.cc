#include "auth/covers.h"

#include <algorithm>

#include "base/strings.h"

namespace auth {
namespace {

using Strings = std::vector<std::string>;

constexpr std::size_t kMaxPieces = 2'000;
constexpr std::size_t kMaxComparisons = 20'000'000;

Strings strings_of(const json::Value& list) {
  Strings all;
  for (const json::Value& one : list.elements()) all.push_back(one.str());
  return all;
}

bool has(const Strings& list, std::string_view wanted) {
  return std::ranges::find(list, wanted) != list.end();
}

bool has_all(const Strings& held, const Strings& wanted) {
  return has(held, "*") ||
         std::ranges::all_of(wanted, [&](const auto& one) { return has(held, one); });
}

bool covers_resource(const Strings& held, const std::string& wanted) {
  if (has(held, "*") || has(held, wanted)) return true;
  std::size_t slash = wanted.find('/');
  return slash != std::string::npos && has(held, "*" + wanted.substr(slash));
}

bool covers_url(const Strings& held, const std::string& wanted) {
  return std::ranges::any_of(held, [&](const std::string& one) {
    if (one == wanted || one == "*") return true;
    return one.ends_with('*') && wanted.starts_with(one.substr(0, one.size() - 1));
  });
}

bool covers(const Rule& held, const Rule& wanted) {
  bool names = held.resource_names.empty() ||
               (!wanted.resource_names.empty() &&
                std::ranges::all_of(wanted.resource_names, [&](const std::string& one) {
                  return has(held.resource_names, one);
                }));
  return names && has_all(held.verbs, wanted.verbs) && has_all(held.groups, wanted.groups) &&
         std::ranges::all_of(
             wanted.resources,
             [&](const auto& one) { return covers_resource(held.resources, one); }) &&
         std::ranges::all_of(wanted.non_resource_urls, [&](const auto& one) {
           return covers_url(held.non_resource_urls, one);
         });
}

bool covered(const std::vector<Rule>& held, const Rule& wanted) {
  return std::ranges::any_of(held, [&](const Rule& one) { return covers(one, wanted); });
}

// One verb on one group, resource and name, or on one URL, each.
std::vector<Rule> pieces_of(const Rule& rule) {
  std::vector<Rule> pieces;
  Strings names = rule.resource_names;
  if (names.empty()) names.emplace_back();
  for (const std::string& verb : rule.verbs) {
    for (const std::string& url : rule.non_resource_urls) {
      pieces.push_back({{verb}, {}, {}, {}, {url}});
    }
    for (const std::string& group : rule.groups) {
      for (const std::string& resource : rule.resources) {
        for (const std::string& name : names) {
          pieces.push_back(
              {{verb}, {group}, {resource}, name.empty() ? Strings() : Strings{name}, {}});
        }
      }
    }
  }
  return pieces;
}

// How many pieces a rule falls apart into, at most kMaxPieces + 1.
std::size_t count_of(const Rule& rule) {
  std::size_t count = 1;
  for (std::size_t factor : {rule.groups.size(), rule.resources.size(),
                             std::max<std::size_t>(1, rule.resource_names.size())}) {
    count = std::min(count * factor, kMaxPieces + 1);
  }
  count = std::min(count + rule.non_resource_urls.size(), kMaxPieces + 1);
  return std::min(count * rule.verbs.size(), kMaxPieces + 1);
}

std::size_t strings_in(const std::vector<Rule>& rules) {
  std::size_t count = 0;
  for (const Rule& rule : rules) {
    count += rule.verbs.size() + rule.groups.size() + rule.resources.size() +
             rule.resource_names.size() + rule.non_resource_urls.size();
  }
  return count;
}

bool same_but_verbs(const Rule& a, const Rule& b) {
  return a.groups == b.groups && a.resources == b.resources &&
         a.resource_names == b.resource_names && a.non_resource_urls == b.non_resource_urls;
}

std::string list_text(const Strings& list) {
  Strings quoted;
  for (const std::string& one : list) quoted.push_back(quote(one));
  return "[" + join(quoted, " ") + "]";
}

}  // namespace

std::vector<Rule> rules_of(const json::Value& role) {
  std::vector<Rule> rules;
  for (const json::Value& one : role["rules"].elements()) {
    rules.push_back({strings_of(one["verbs"]), strings_of(one["apiGroups"]),
                     strings_of(one["resources"]), strings_of(one["resourceNames"]),
                     strings_of(one["nonResourceURLs"])});
  }
  return rules;
}

std::vector<Rule> missing_rules(const std::vector<Rule>& held, const std::vector<Rule>& wanted) {
  // Both sides may come from users; what would take seconds to judge is not granted.
  if ((strings_in(wanted) + kMaxPieces) * strings_in(held) > kMaxComparisons) return wanted;
  std::vector<Rule> missing;
  std::size_t pieces = 0;
  for (const Rule& rule : wanted) {
    if (covered(held, rule)) continue;
    pieces += count_of(rule);
    if (pieces > kMaxPieces) {
      missing.push_back(rule);
      continue;
    }
    for (Rule& piece : pieces_of(rule)) {
      if (covered(held, piece)) continue;
      auto same = std::ranges::find_if(missing,
                                       [&](const Rule& one) { return same_but_verbs(one, piece); });
      if (same == missing.end()) {
        missing.push_back(std::move(piece));
      } else if (!has(same->verbs, piece.verbs.front())) {
        same->verbs.push_back(piece.verbs.front());
      }
    }
  }
  std::ranges::sort(missing, {}, text_of);
  return missing;
}

std::string text_of(const Rule& rule) {
  Strings parts;
  auto add = [&](const char* name, const Strings& list) {
    if (!list.empty()) parts.push_back(name + (":" + list_text(list)));
  };
  add("APIGroups", rule.groups);
  add("Resources", rule.resources);
  add("NonResourceURLs", rule.non_resource_urls);
  add("ResourceNames", rule.resource_names);
  add("Verbs", rule.verbs);
  return "{" + join(parts, ", ") + "}";
}

}  // namespace auth
