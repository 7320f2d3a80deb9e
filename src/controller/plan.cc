#include <algorithm>

#include "controller/controller.h"

namespace controller {

Key key_of(std::string_view source, const json::Value& object) {
  return {std::string(source), object::annotation(object, "kcp.io/cluster"), object::ns(object),
          object::name(object)};
}

void Plan::create(std::string_view source, std::string_view cluster, json::Value object) {
  writes.push_back(
      {Write::Kind::Create, std::string(source), std::string(cluster), std::move(object)});
}

void Plan::update(std::string_view source, std::string_view cluster, json::Value object) {
  writes.push_back(
      {Write::Kind::Update, std::string(source), std::string(cluster), std::move(object)});
}

void Plan::update_status(std::string_view source, std::string_view cluster, json::Value object) {
  writes.push_back(
      {Write::Kind::UpdateStatus, std::string(source), std::string(cluster), std::move(object)});
}

void Plan::patch(std::string_view source, std::string_view cluster, const json::Value& object,
                 json::Value patch) {
  writes.push_back(
      {Write::Kind::Patch, std::string(source), std::string(cluster), object, std::move(patch)});
}

void Plan::remove(std::string_view source, std::string_view cluster, const json::Value& object) {
  writes.push_back({Write::Kind::Delete, std::string(source), std::string(cluster), object});
}

void Plan::look_again(TimePoint when) {
  look_again_at = look_again_at ? std::min(*look_again_at, when) : when;
}

}  // namespace controller
