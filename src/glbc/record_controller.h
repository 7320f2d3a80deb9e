// From control DNSRecords to DNS: whatever a record of the control workspace says is answered, and
// its status then says so. Nobody but GLBC can write there. Source: reference glbc.md 1.15, 1.16.
#pragma once

#include <memory>

#include "controller/controller.h"
#include "glbc/table.h"

namespace glbc {

struct RecordSettings {
  bool probing = true;  // whether verdicts count
  std::uint32_t ttl = 60;
};

class RecordController final : public controller::Controller {
 public:
  RecordController(controller::Source records, std::shared_ptr<Table> table,
                   RecordSettings settings)
      : records_(std::move(records)), table_(std::move(table)), settings_(settings) {}
  std::string_view name() const override { return "glbc-dns"; }
  controller::Declaration declare() const override;
  controller::Plan reconcile(const controller::World& world, const controller::Key& key,
                             const std::optional<json::Value>& object) const override;

 private:
  controller::Source records_;
  std::shared_ptr<Table> table_;
  RecordSettings settings_;
};

// Puts what a record says into `table`, and raises the serial to what the record has seen.
Result<void> load_record(Table& table, const json::Value& record, RecordSettings settings);

}  // namespace glbc
