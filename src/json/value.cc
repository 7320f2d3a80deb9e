#include "json/value.h"

#include <atomic>
#include <cmath>
#include <cstring>
#include <new>

#include "base/check.h"

namespace json {
namespace {

struct Counted {
  std::atomic<std::uint32_t> references = 1;
};

// The characters stand behind it, in the same block of memory.
struct Text : Counted {
  std::size_t size = 0;

  static Text* make(std::string_view text) {
    void* block = ::operator new(sizeof(Text) + text.size());
    auto* made = new (block) Text();
    made->size = text.size();
    if (!text.empty()) std::memcpy(made + 1, text.data(), text.size());
    return made;
  }
  static void destroy(Text* text) { ::operator delete(text, sizeof(Text) + text->size); }

  std::string_view view() const { return {reinterpret_cast<const char*>(this + 1), size}; }
};

struct Elements : Counted {
  std::vector<Value> list;
};

// The members of an object. Large objects have an open-addressing index from key to position, so
// that no document makes look-ups quadratic. It is kept by the writer: readers may share.
class Members : public Counted {
 public:
  std::vector<Member> list;

  std::size_t find(std::string_view key) const {
    if (slots_.empty()) {
      for (std::size_t i = 0; i < list.size(); ++i) {
        if (list[i].key == key) return i;
      }
      return kNone;
    }
    for (std::size_t at = hash(key);; at = (at + 1) & (slots_.size() - 1)) {
      if (slots_[at] == 0) return kNone;
      if (list[slots_[at] - 1].key == key) return slots_[at] - 1;
    }
  }

  void append(Member member) {
    if (list.empty()) list.reserve(kFirstRoom);
    list.push_back(std::move(member));
    if (list.size() <= kIndexFrom) return;
    if (list.size() * 2 > slots_.size()) {
      rebuild();
    } else {
      place(list.size() - 1);
    }
  }

  void rebuild() {
    slots_.clear();
    if (list.size() <= kIndexFrom) return;
    std::size_t capacity = 64;
    while (capacity < list.size() * 4) capacity *= 2;
    slots_.assign(capacity, 0);
    for (std::size_t i = 0; i < list.size(); ++i) place(i);
  }

  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

 private:
  static constexpr std::size_t kFirstRoom = 4;
  static constexpr std::size_t kIndexFrom = 24;

  std::size_t hash(std::string_view key) const {
    return std::hash<std::string_view>()(key) & (slots_.size() - 1);
  }
  void place(std::size_t position) {
    std::size_t at = hash(list[position].key);
    while (slots_[at] != 0) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = static_cast<std::uint32_t>(position + 1);
  }

  std::vector<std::uint32_t> slots_;  // position + 1; 0 = free; empty while the object is small
};

bool is_shared_kind(Value::Kind kind) {
  return kind == Value::Kind::String || kind == Value::Kind::Array || kind == Value::Kind::Object;
}

void drop(Value::Kind kind, void* shared) {
  auto* counted = static_cast<Counted*>(shared);
  if (counted->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  switch (kind) {
    case Value::Kind::String: Text::destroy(static_cast<Text*>(counted)); break;
    case Value::Kind::Array: delete static_cast<Elements*>(counted); break;
    default: delete static_cast<Members*>(counted); break;
  }
}

const Elements& elements_of(const void* shared) {
  return *static_cast<const Elements*>(static_cast<const Counted*>(shared));
}
const Members& members_of(const void* shared) {
  return *static_cast<const Members*>(static_cast<const Counted*>(shared));
}

bool is_sole_owner(void* shared) {
  return static_cast<Counted*>(shared)->references.load(std::memory_order_acquire) == 1;
}

// The members behind `shared`, copied first if others hold them too.
Members& own_members(void*& shared) {
  if (!is_sole_owner(shared)) {
    auto* copy = new Members();
    copy->list = members_of(shared).list;
    copy->rebuild();
    drop(Value::Kind::Object, shared);
    shared = static_cast<Counted*>(copy);
  }
  return *static_cast<Members*>(static_cast<Counted*>(shared));
}

Elements& own_elements(void*& shared) {
  if (!is_sole_owner(shared)) {
    auto* copy = new Elements();
    copy->list = elements_of(shared).list;
    drop(Value::Kind::Array, shared);
    shared = static_cast<Counted*>(copy);
  }
  return *static_cast<Elements*>(static_cast<Counted*>(shared));
}

const Value& null_value() {
  static const Value null;
  return null;
}

}  // namespace

Value::Value(bool value) : kind_(Kind::Bool), payload_{.boolean = value} {}

Value::Value(double value) : kind_(Kind::Double), payload_{.number = value} {
  CHECK(std::isfinite(value));
}

Value::Value(std::string_view text) : kind_(Kind::String) {
  payload_.shared = static_cast<Counted*>(Text::make(text));
}

void Value::init_int(std::int64_t value) {
  kind_ = Kind::Int;
  payload_.integer = value;
}

void Value::init_uint(std::uint64_t value) {
  if (value <= static_cast<std::uint64_t>(INT64_MAX))
    return init_int(static_cast<std::int64_t>(value));
  kind_ = Kind::Uint;
  payload_.unsigned_integer = value;
}

Value::Value(const Value& other) : kind_(other.kind_), payload_(other.payload_) {
  if (is_shared_kind(kind_)) {
    static_cast<Counted*>(payload_.shared)->references.fetch_add(1, std::memory_order_relaxed);
  }
}

Value::Value(Value&& other) noexcept
    : kind_(std::exchange(other.kind_, Kind::Null)), payload_(other.payload_) {}

Value& Value::operator=(const Value& other) { return *this = Value(other); }

Value& Value::operator=(Value&& other) noexcept {
  if (this == &other) return *this;
  Kind old_kind = std::exchange(kind_, std::exchange(other.kind_, Kind::Null));
  Payload old = std::exchange(payload_, other.payload_);
  if (is_shared_kind(old_kind)) drop(old_kind, old.shared);  // last: `other` may live inside it
  return *this;
}

Value::~Value() {
  if (is_shared_kind(kind_)) drop(kind_, payload_.shared);
}

Value Value::object(std::initializer_list<Member> members) {
  Value value;
  value.kind_ = Kind::Object;
  value.payload_.shared = static_cast<Counted*>(new Members());
  for (const Member& member : members) value.set(member.key, member.value);
  return value;
}

Value Value::array(std::initializer_list<Value> elements) {
  return array(std::vector<Value>(elements));
}

Value Value::array(std::vector<Value> elements) {
  Value value;
  value.kind_ = Kind::Array;
  auto* shared = new Elements();
  shared->list = std::move(elements);
  value.payload_.shared = static_cast<Counted*>(shared);
  return value;
}

bool Value::as_bool(bool otherwise) const { return is_bool() ? payload_.boolean : otherwise; }

std::int64_t Value::as_int(std::int64_t otherwise) const {
  if (kind_ == Kind::Int) return payload_.integer;
  if (kind_ == Kind::Double && std::trunc(payload_.number) == payload_.number &&
      std::fabs(payload_.number) < 9.2e18) {
    return static_cast<std::int64_t>(payload_.number);
  }
  return otherwise;
}

std::uint64_t Value::as_uint(std::uint64_t otherwise) const {
  if (kind_ == Kind::Uint) return payload_.unsigned_integer;
  std::int64_t value = as_int(-1);
  return value >= 0 ? static_cast<std::uint64_t>(value) : otherwise;
}

double Value::as_double(double otherwise) const {
  switch (kind_) {
    case Kind::Int: return static_cast<double>(payload_.integer);
    case Kind::Uint: return static_cast<double>(payload_.unsigned_integer);
    case Kind::Double: return payload_.number;
    default: return otherwise;
  }
}

std::string_view Value::as_string(std::string_view otherwise) const {
  if (!is_string()) return otherwise;
  return static_cast<const Text*>(static_cast<const Counted*>(payload_.shared))->view();
}

std::size_t Value::size() const {
  if (is_array()) return elements_of(payload_.shared).list.size();
  if (is_object()) return members_of(payload_.shared).list.size();
  return 0;
}

std::span<const Member> Value::members() const {
  if (!is_object()) return {};
  return members_of(payload_.shared).list;
}

std::span<const Value> Value::elements() const {
  if (!is_array()) return {};
  return elements_of(payload_.shared).list;
}

const Value* Value::find(std::string_view key) const {
  if (!is_object()) return nullptr;
  const Members& members = members_of(payload_.shared);
  std::size_t at = members.find(key);
  return at == Members::kNone ? nullptr : &members.list[at].value;
}

const Value& Value::operator[](std::string_view key) const {
  const Value* found = find(key);
  return found ? *found : null_value();
}

const Value& Value::operator[](std::size_t index) const {
  auto list = elements();
  return index < list.size() ? list[index] : null_value();
}

Value& Value::edit(std::string_view key) {
  if (!is_object()) *this = object();
  Members& members = own_members(payload_.shared);
  std::size_t at = members.find(key);
  if (at == Members::kNone) {
    members.append({std::string(key), Value()});
    at = members.list.size() - 1;
  }
  return members.list[at].value;
}

Value& Value::set(std::string_view key, Value value) {
  edit(key) = std::move(value);
  return *this;
}

Value& Value::set_front(std::string_view key, Value value) {
  erase(key);
  if (!is_object()) *this = object();
  Members& members = own_members(payload_.shared);
  members.list.insert(members.list.begin(), {std::string(key), std::move(value)});
  members.rebuild();
  return *this;
}

bool Value::erase(std::string_view key) {
  if (!find(key)) return false;
  Members& members = own_members(payload_.shared);
  members.list.erase(members.list.begin() + static_cast<std::ptrdiff_t>(members.find(key)));
  members.rebuild();
  return true;
}

std::span<Member> Value::edit_members() {
  if (!is_object()) return {};
  return own_members(payload_.shared).list;
}

std::span<Value> Value::edit_elements() {
  if (!is_array()) return {};
  return own_elements(payload_.shared).list;
}

Value& Value::edit_element(std::size_t index) {
  CHECK(index < size() && is_array());
  return own_elements(payload_.shared).list[index];
}

Value& Value::push_back(Value value) {
  if (!is_array()) *this = array();
  return own_elements(payload_.shared).list.emplace_back(std::move(value));
}

void Value::insert(std::size_t index, Value value) {
  if (!is_array()) *this = array();
  auto& list = own_elements(payload_.shared).list;
  CHECK(index <= list.size());
  list.insert(list.begin() + static_cast<std::ptrdiff_t>(index), std::move(value));
}

void Value::erase_element(std::size_t index) {
  CHECK(index < size() && is_array());
  auto& list = own_elements(payload_.shared).list;
  list.erase(list.begin() + static_cast<std::ptrdiff_t>(index));
}

bool operator==(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) {
    if (a.kind_ == b.kind_ && a.is_integer()) {
      return a.payload_.unsigned_integer == b.payload_.unsigned_integer;
    }
    if (a.is_integer() && b.is_integer()) return false;  // one is beyond int64, the other is not
    return a.as_double() == b.as_double();
  }
  if (a.kind_ != b.kind_) return false;
  switch (a.kind_) {
    case Value::Kind::Null: return true;
    case Value::Kind::Bool: return a.payload_.boolean == b.payload_.boolean;
    case Value::Kind::String: return a.as_string() == b.as_string();
    default: break;
  }
  if (a.payload_.shared == b.payload_.shared) return true;
  if (a.size() != b.size()) return false;
  if (a.is_array()) {
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (a[i] != b[i]) return false;
    }
    return true;
  }
  for (const Member& member : a.members()) {
    const Value* other = b.find(member.key);
    if (!other || *other != member.value) return false;
  }
  return true;
}

}  // namespace json
