// For the tests of this module: a world in which plans are carried out as an API server would, and
// the tenant and the control workspace that they play in.
#pragma once

#include <gtest/gtest.h>

#include "controller/testing.h"
#include "glbc/authority.h"
#include "glbc/ingress_controller.h"
#include "object/object.h"

namespace glbc {

inline constexpr const char* kControl = "control";
inline constexpr const char* kTenant = "tenant";
inline const TimePoint kBegin = TimePoint(std::chrono::seconds(1'700'000'000));

class FakeProbes final : public Probes {
 public:
  void follow(const ProbeOrder& order) override { orders[order.record] = order; }
  void forget(const std::string& record) override { orders.erase(record); }
  std::map<std::string, ProbeOrder> orders;
};

class Stage {
 public:
  explicit Stage(TimePoint now = kBegin) : world(now), now_(now) {}

  // Stores an object as its server would on creation.
  void store(const std::string& source, const std::string& cluster, json::Value object) {
    json::Value& metadata = object.edit("metadata");
    if (metadata["uid"].is_null()) metadata.set("uid", "uid-" + std::to_string(++serial_));
    if (metadata["generation"].is_null()) metadata.set("generation", 1);
    object::set_annotation(object, "kcp.io/cluster", cluster);
    world.add(source, std::move(object));
  }

  void carry_out(const controller::Plan& plan) {
    using Kind = controller::Plan::Write::Kind;
    for (const auto& write : plan.writes) {
      controller::Key key{write.source, write.cluster, object::ns(write.object),
                          object::name(write.object)};
      log.push_back(verb(write.kind) + " " + write.source + " " + key.name);
      auto present = world.find(key);
      if (write.kind == Kind::Create) {
        ASSERT_FALSE(present) << log.back();
        json::Value object = write.object;
        object.erase("status");
        store(write.source, write.cluster, std::move(object));
        continue;
      }
      ASSERT_TRUE(present) << log.back();
      json::Value object = write.object;
      if (write.kind == Kind::Delete) {
        if (object::finalizers(*present).empty()) world.remove(key);
        continue;
      }
      if (write.kind == Kind::Update) {
        object.set("status", (*present)["status"]);
        if (object["spec"] != (*present)["spec"]) {
          object.edit("metadata").set("generation", object::generation(*present) + 1);
        }
        if (object::is_deleting(object) && object::finalizers(object).empty()) {
          world.remove(key);
          continue;
        }
      } else {
        json::Value status = object["status"];
        object = *present;
        object.set("status", std::move(status));
      }
      world.add(write.source, std::move(object));
    }
  }

  void advance(Duration by) {
    now_ += by;
    world.set_now(now_);
  }
  TimePoint now() const { return now_; }

  controller::FakeWorld world;
  std::vector<std::string> log;  // "create control-dnsrecords ingress-..."

 private:
  static std::string verb(controller::Plan::Write::Kind kind) {
    using Kind = controller::Plan::Write::Kind;
    if (kind == Kind::Create) return "create";
    if (kind == Kind::Delete) return "delete";
    return kind == Kind::UpdateStatus ? "status" : "update";
  }

  TimePoint now_;
  int serial_ = 0;
};

}  // namespace glbc
