#include "dnswire/message.h"

#include <arpa/inet.h>

#include <algorithm>
#include <map>

#include "dnswire/name.h"

namespace dnswire {
namespace {

constexpr std::size_t kHeader = 12;
constexpr std::size_t kMaxRecords = 64;  // a query has two or three

void put16(std::string& out, unsigned value) {
  out += static_cast<char>(value >> 8 & 0xff);
  out += static_cast<char>(value & 0xff);
}
void put32(std::string& out, std::uint32_t value) {
  put16(out, value >> 16);
  put16(out, value & 0xffff);
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  std::uint16_t u16() {
    std::string_view part = take(2);
    if (part.size() < 2) return 0;
    return static_cast<std::uint16_t>(static_cast<unsigned char>(part[0]) << 8 |
                                      static_cast<unsigned char>(part[1]));
  }
  std::uint32_t u32() {
    std::uint32_t high = u16();
    return high << 16 | u16();
  }
  std::string_view take(std::size_t count) {
    if (count > bytes_.size() - at_) {
      ok_ = false;
      return {};
    }
    at_ += count;
    return bytes_.substr(at_ - count, count);
  }

  // A name, following compression pointers, which must point backwards.
  std::string name() {
    std::string out;
    std::size_t at = at_, limit = at_;
    bool jumped = false;
    while (true) {
      if (at >= bytes_.size()) return fail();
      auto length = static_cast<unsigned char>(bytes_[at]);
      if (length >= 0xC0) {
        if (at + 1 >= bytes_.size()) return fail();
        std::size_t target = (length & 0x3Fu) << 8 | static_cast<unsigned char>(bytes_[at + 1]);
        if (!jumped) at_ = at + 2;
        jumped = true;
        if (target >= limit) return fail();
        limit = at = target;
        continue;
      }
      if (length > 63 || at + length >= bytes_.size()) return fail();
      out.append(bytes_.substr(at, length + 1u));
      at += length + 1u;
      if (out.size() > kMaxNameBytes) return fail();
      if (length == 0) break;
    }
    if (!jumped) at_ = at;
    return out;
  }

 private:
  std::string fail() {
    ok_ = false;
    return {};
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

// Reads the additional section for OPT; false if there are two of them.
bool read_records(Reader& reader, std::size_t count, Query& query) {
  for (std::size_t i = 0; i < count && reader.ok(); ++i) {
    std::string name = reader.name();
    auto type = static_cast<Type>(reader.u16());
    std::uint16_t klass = reader.u16();
    std::uint32_t ttl = reader.u32();
    reader.take(reader.u16());
    if (type != Type::OPT) continue;
    if (query.edns || name.size() != 1) return false;
    query.edns = Edns{std::max<std::uint16_t>(klass, 512),
                      static_cast<std::uint8_t>(ttl >> 16 & 0xff), (ttl & 0x8000) != 0};
  }
  return reader.ok();
}

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  void name(std::string_view wire) {
    while (true) {
      auto known = offsets_.find(lower_name(wire));
      if (known != offsets_.end() && wire.size() > 1) {
        put16(out_, 0xC000u | static_cast<unsigned>(known->second));
        return;
      }
      if (out_.size() < 0x3FFF) offsets_.emplace(lower_name(wire), out_.size());
      auto length = static_cast<unsigned char>(wire[0]);
      out_.append(wire.substr(0, length + 1u));
      if (length == 0) return;
      wire = parent_of(wire);
    }
  }

  void record(const Record& one) {
    name(one.name);
    put16(out_, static_cast<unsigned>(one.type));
    put16(out_, kClassIn);
    put32(out_, one.ttl);
    put16(out_, static_cast<unsigned>(one.rdata.size()));
    out_ += one.rdata;
  }

 private:
  std::string& out_;
  std::map<std::string, std::size_t> offsets_;
};

void put_header(std::string& out, const Query& query, unsigned flags, const Response& response,
                bool with_records) {
  put16(out, query.id);
  put16(out, flags);
  put16(out, query.question ? 1 : 0);
  put16(out, with_records ? static_cast<unsigned>(response.answer.size()) : 0);
  put16(out, with_records ? static_cast<unsigned>(response.authority.size()) : 0);
  put16(out, query.edns ? 1 : 0);
}

std::string assemble(const Query& query, const Response& response, bool truncated) {
  std::string out;
  unsigned rcode = static_cast<unsigned>(response.rcode);
  unsigned flags = 0x8000u | static_cast<unsigned>(query.opcode & 15) << 11 |
                   (response.authoritative ? 0x0400u : 0) | (truncated ? 0x0200u : 0) |
                   (query.recursion_desired ? 0x0100u : 0) | (rcode & 15);
  put_header(out, query, flags, response, !truncated);
  Writer writer(out);
  if (query.question) {
    writer.name(query.question->name);
    put16(out, static_cast<unsigned>(query.question->type));
    put16(out, query.question->klass);
  }
  if (!truncated) {
    for (const Record& one : response.answer) writer.record(one);
    for (const Record& one : response.authority) writer.record(one);
  }
  if (query.edns) {
    out += '\0';
    put16(out, static_cast<unsigned>(Type::OPT));
    put16(out, 1232);
    put32(out, (rcode >> 4) << 24 | (query.edns->dnssec_ok ? 0x8000u : 0));
    put16(out, 0);
  }
  return out;
}

}  // namespace

ParsedQuery parse_query(std::string_view bytes) {
  ParsedQuery parsed;
  if (bytes.size() < kHeader) return parsed;
  Reader reader(bytes);
  Query& query = parsed.query;
  query.id = reader.u16();
  std::uint16_t flags = reader.u16();
  if (flags & 0x8000) return parsed;  // a response: answering could loop
  query.opcode = static_cast<std::uint8_t>(flags >> 11 & 15);
  query.recursion_desired = flags & 0x0100;
  std::uint16_t questions = reader.u16(), answers = reader.u16(), authority = reader.u16(),
                additional = reader.u16();
  parsed.outcome = ParsedQuery::Outcome::FormErr;
  std::size_t records = std::size_t{answers} + authority + additional;
  if (query.opcode != 0) {  // only its header matters: it is not implemented
    parsed.outcome = ParsedQuery::Outcome::Ok;
    return parsed;
  }
  if (questions != 1 || records > kMaxRecords) return parsed;
  Question question;
  question.name = reader.name();
  question.type = static_cast<Type>(reader.u16());
  question.klass = reader.u16();
  if (!reader.ok()) return parsed;
  query.question = std::move(question);
  if (!read_records(reader, records, query)) {
    query.edns.reset();
    return parsed;
  }
  parsed.outcome = ParsedQuery::Outcome::Ok;
  return parsed;
}

std::string print_response(const Query& query, const Response& response, std::size_t limit) {
  std::string out = assemble(query, response, false);
  return out.size() <= limit ? out : assemble(query, response, true);
}

std::string print_query(const Query& query) {
  std::string out;
  put16(out, query.id);
  put16(out,
        static_cast<unsigned>(query.opcode & 15) << 11 | (query.recursion_desired ? 0x0100u : 0));
  put16(out, query.question ? 1 : 0);
  put16(out, 0);
  put16(out, 0);
  put16(out, query.edns ? 1 : 0);
  if (query.question) {
    out += query.question->name;
    put16(out, static_cast<unsigned>(query.question->type));
    put16(out, query.question->klass);
  }
  if (query.edns) {
    out += '\0';
    put16(out, static_cast<unsigned>(Type::OPT));
    put16(out, query.edns->udp_size);
    put32(out, static_cast<std::uint32_t>(query.edns->version) << 16);
    put16(out, 0);
  }
  return out;
}

std::optional<std::string> address_rdata(std::string_view ip) {
  unsigned char bytes[16];
  std::string text(ip);
  if (::inet_pton(AF_INET, text.c_str(), bytes) == 1) {
    return std::string(reinterpret_cast<char*>(bytes), 4);
  }
  if (::inet_pton(AF_INET6, text.c_str(), bytes) == 1) {
    return std::string(reinterpret_cast<char*>(bytes), 16);
  }
  return {};
}

std::string soa_rdata(const Soa& soa) {
  std::string out = soa.primary + soa.mailbox;
  for (std::uint32_t number : {soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum}) {
    put32(out, number);
  }
  return out;
}

}  // namespace dnswire
