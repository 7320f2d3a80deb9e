#include "glbc/keys.h"

#include <algorithm>

#include "base/strings.h"
#include "object/object.h"
#include "pki/digest.h"

namespace glbc {
namespace {

constexpr std::size_t kMaxName = 253;
constexpr std::size_t kMaxKey = 44;  // behind the longest prefix it still is an annotation's name
constexpr std::uint64_t kMaxSeconds = 9'000'000'000;  // in nanoseconds it still fits a TimePoint

// Parts can not run into each other: none of them contains a zero byte.
std::string hash_of(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (std::string_view part : parts) text.append(part).append(1, '\0');
  return hex_encode(pki::sha256(text));
}

}  // namespace

std::string Owner::control_name() const {
  return "ingress-" + hash_of({cluster, ns, name, uid}).substr(0, 40);
}

std::string Owner::label() const { return hash_of({cluster, ns, name}).substr(0, 40); }

void Owner::mark(json::Value& object) const {
  object::set_annotation(object, kOwnerCluster, cluster);
  object::set_annotation(object, kOwnerNamespace, ns);
  object::set_annotation(object, kOwnerName, name);
  object::set_annotation(object, kOwnerUid, uid);
  object::set_label(object, kOwnerLabel, label());
}

Owner owner_for(const json::Value& ingress) {
  return {object::annotation(ingress, "kcp.io/cluster"), object::ns(ingress), object::name(ingress),
          object::uid(ingress)};
}

std::optional<Owner> find_owner(const json::Value& control_object) {
  Owner owner{object::annotation(control_object, kOwnerCluster),
              object::annotation(control_object, kOwnerNamespace),
              object::annotation(control_object, kOwnerName),
              object::annotation(control_object, kOwnerUid)};
  if (owner.uid.empty()) return std::nullopt;
  return owner;
}

std::string copy_name(std::string_view ingress) {
  std::string name = "hcg-tls-" + std::string(ingress);
  if (name.size() <= kMaxName) return name;
  std::string hash = hash_of({ingress}).substr(0, 12);
  return name.substr(0, kMaxName - 13) + "-" + hash;
}

bool is_target_key(std::string_view key) {
  return !key.empty() && key.size() <= kMaxKey && std::ranges::all_of(key, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  });
}

std::optional<TimePoint> parse_seconds(std::string_view text) {
  auto seconds = parse_u64(text);
  if (!seconds || *seconds > kMaxSeconds) return std::nullopt;
  return TimePoint(std::chrono::seconds(*seconds));
}

std::string print_seconds(TimePoint time) {
  return std::to_string(std::chrono::ceil<std::chrono::seconds>(time.time_since_epoch()).count());
}

}  // namespace glbc
