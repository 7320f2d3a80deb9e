// Whether somebody who holds some rules may give others away: nobody grants what he does not have.
// Pure, thread-safe. Source: reference kube-apiserver.md 8.3, "Escalation".
#pragma once

#include <string>
#include <vector>

#include "auth/authorizer.h"
#include "json/value.h"

namespace auth {

// The `rules` of a Role or ClusterRole.
std::vector<Rule> rules_of(const json::Value& role);

// What of `wanted` is not covered by `held`, taken apart and put together again as Kubernetes shows
// it. Rules that are too many or too large to be judged count as missing as a whole.
std::vector<Rule> missing_rules(const std::vector<Rule>& held, const std::vector<Rule>& wanted);

// {APIGroups:[""], Resources:["secrets"], Verbs:["get"]}
std::string text_of(const Rule& rule);

}  // namespace auth
