#include "placement/status.h"

#include <algorithm>
#include <map>
#include <string>

#include "json/text.h"

namespace placement {
namespace {

using json::Value;
using Statuses = std::vector<Value>;

constexpr const char* kCounts[] = {"replicas", "updatedReplicas", "readyReplicas",
                                   "availableReplicas", "unavailableReplicas"};

int rank(const Value& condition) {
  std::string_view status = condition["status"].as_string();
  if (status == "True") return 2;
  return status == "Unknown" ? 1 : 0;
}

// Of each type the best: True before Unknown before False, then the one that changed last.
Value best_conditions(const Statuses& statuses) {
  std::map<std::string, Value> best;
  for (const Value& status : statuses) {
    for (const Value& condition : status["conditions"].elements()) {
      auto [it, fresh] = best.emplace(condition["type"].str(), condition);
      auto order = [](const Value& one) {
        return std::pair(rank(one), one["lastTransitionTime"].as_string());
      };
      if (!fresh && order(it->second) < order(condition)) it->second = condition;
    }
  }
  Value conditions = Value::array();
  for (auto& [type, condition] : best) conditions.push_back(std::move(condition));
  return conditions;
}

Value union_of_addresses(const Statuses& statuses) {
  std::map<std::string, Value> sorted;
  for (const Value& status : statuses) {
    for (const Value& one : status.at("loadBalancer", "ingress").elements()) {
      sorted.emplace(json::print(one), one);
    }
  }
  Value addresses = Value::array();
  for (auto& [text, address] : sorted) addresses.push_back(std::move(address));
  return addresses;
}

Value sum_of_replicas(const Statuses& statuses) {
  Value sum = Value::object();
  for (const Value& status : statuses) {
    const Value& seen = status["observedGeneration"];
    if (!seen.is_integer()) continue;
    bool smaller =
        !sum.contains("observedGeneration") || seen.as_int() < sum["observedGeneration"].as_int();
    if (smaller) sum.set("observedGeneration", seen);
  }
  for (const char* count : kCounts) {
    std::int64_t total = 0;
    for (const Value& status : statuses) {
      total += std::clamp<std::int64_t>(status[count].as_int(), 0, INT32_MAX);
    }
    if (total > 0) sum.set(count, std::min<std::int64_t>(total, INT32_MAX));
  }
  if (Value conditions = best_conditions(statuses); !conditions.empty()) {
    sum.set("conditions", std::move(conditions));
  }
  return sum;
}

}  // namespace

Value summarize_status(const Value& object, const Statuses& statuses) {
  if (statuses.empty()) return {};
  const Value& spec = object["spec"];
  if (spec.contains("replicas") && spec.contains("template")) return sum_of_replicas(statuses);
  Value first = statuses.front();
  bool balanced = std::ranges::any_of(
      statuses, [](const Value& status) { return status.contains("loadBalancer"); });
  if (!balanced) return first;
  Value addresses = union_of_addresses(statuses);
  Value& balancer = first.edit("loadBalancer");
  if (addresses.empty()) {
    balancer.erase("ingress");
    if (balancer.is_null()) balancer = Value::object();
  } else {
    balancer.set("ingress", std::move(addresses));
  }
  return first;
}

}  // namespace placement
