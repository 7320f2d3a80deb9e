#include "glbc/record_controller.h"

#include "base/strings.h"
#include "glbc/endpoints.h"
#include "glbc/keys.h"
#include "object/object.h"

namespace glbc {
namespace {

using controller::Plan;
using json::Value;

Task<> publish(std::shared_ptr<Table> table) { co_await table->published(); }

// The one zone of a record's status.
const Value& zone_of(const Value& record) { return record.at("status", "zones")[0]; }

Value failed_condition(const Value& before, const std::string& problem, TimePoint now) {
  Value wanted = Value::object(
      {{"type", "Failed"},
       {"status", problem.empty() ? "False" : "True"},
       {"lastTransitionTime", format_time(now)},
       {"reason", problem.empty() ? "ProviderSuccess" : "ProviderError"},
       {"message", problem.empty() ? "The DNS provider succeeded in ensuring the record"
                                   : "The DNS provider failed to ensure the record: " + problem}});
  const Value& present = before["conditions"][0];
  if (present["status"] == wanted["status"]) {
    wanted.set("lastTransitionTime", present["lastTransitionTime"]);
  }
  return wanted;
}

// `record` with its status brought up to date; what is published is known unless there is a
// problem.
Value with_status(const Value& record, const Table& table, const std::string& problem,
                  TimePoint now) {
  const Value& before = zone_of(record);
  Value zone = before;
  zone.edit("conditions") = Value::array({failed_condition(before, problem, now)});
  if (problem.empty()) zone.set("endpoints", record.at("spec", "endpoints"));
  if (zone["endpoints"].is_null()) zone.set("endpoints", Value::array());
  zone.edit("dnsZone").set("id", table.origin());
  bool observed = !problem.empty() || is_observed(record);
  if (zone == before && observed) return record;
  zone.edit("dnsZone", "tags").set("serial", std::to_string(table.serial()));
  Value wanted = record;
  wanted.edit("status").set("zones", Value::array({std::move(zone)}));
  if (problem.empty()) {
    wanted.edit("status").set("observedGeneration", object::generation(record));
  }
  return wanted;
}

}  // namespace

Result<void> load_record(Table& table, const Value& record, RecordSettings settings) {
  const Value& serial = zone_of(record).at("dnsZone", "tags", "serial");
  if (auto seen = parse_u64(serial.as_string()); seen && *seen <= 0xffff'ffff) {
    table.raise_serial(static_cast<std::uint32_t>(*seen));
  }
  auto hosts = hosts_in(record, settings.probing, settings.ttl);
  if (!hosts) return std::unexpected(hosts.error());
  return table.set(object::name(record), std::move(*hosts));
}

controller::Declaration RecordController::declare() const {
  controller::Declaration declaration;
  declaration.sources = {records_};
  return declaration;
}

Plan RecordController::reconcile(const controller::World& world, const controller::Key& key,
                                 const std::optional<Value>& object) const {
  Plan plan;
  if (key.ns != kControlNamespace) return plan;
  auto effect = [table = table_] { return publish(table); };
  if (!object) {
    table_->erase(key.name);
    plan.effects.push_back(effect);
    return plan;
  }
  auto hosts = hosts_in(*object, settings_.probing, settings_.ttl);
  bool answered = hosts && table_->answers(key.name, *hosts);
  std::string problem;
  if (!answered) {
    // What was published before stays if the new state can not be.
    auto loaded = load_record(*table_, *object, settings_);
    if (!loaded) problem = loaded.error().message();
  }
  if (!answered && problem.empty()) {
    plan.effects.push_back(effect);
    plan.look_again(world.now());  // to say so once it is answered
    return plan;
  }
  Value wanted = with_status(*object, *table_, problem, world.now());
  if (wanted != *object) plan.update_status(kRecordSource, key.cluster, std::move(wanted));
  return plan;
}

}  // namespace glbc
