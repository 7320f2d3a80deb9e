// DNS messages: reading queries and writing responses. Strict and bounded; every read is checked.
// Pure. Source: RFC 1035 4.1, RFC 6891, RFC 3597.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dnswire {

enum class Type : std::uint16_t {
  A = 1,
  NS = 2,
  CNAME = 5,
  SOA = 6,
  MX = 15,
  TXT = 16,
  AAAA = 28,
  OPT = 41,
  ANY = 255
};
enum class Rcode : std::uint8_t {
  NoError = 0,
  FormErr = 1,
  ServFail = 2,
  NxDomain = 3,
  NotImp = 4,
  Refused = 5,
  BadVers = 16
};
inline constexpr std::uint16_t kClassIn = 1;

struct Question {
  std::string name;  // wire form, as it was spelled
  Type type = Type::A;
  std::uint16_t klass = kClassIn;
};

struct Edns {
  std::uint16_t udp_size = 512;
  std::uint8_t version = 0;
  bool dnssec_ok = false;
};

struct Query {
  std::uint16_t id = 0;
  std::uint8_t opcode = 0;
  bool recursion_desired = false;
  std::optional<Question> question;
  std::optional<Edns> edns;
};

// What came in. Drop: not worth an answer (too short, or itself a response).
struct ParsedQuery {
  enum class Outcome { Ok, Drop, FormErr } outcome = Outcome::Drop;
  Query query;  // the header at least, unless Drop
};
ParsedQuery parse_query(std::string_view bytes);

struct Record {
  std::string name;  // wire form
  Type type = Type::A;
  std::uint32_t ttl = 0;
  std::string rdata;  // uncompressed
};

struct Response {
  Rcode rcode = Rcode::NoError;
  bool authoritative = false;
  std::vector<Record> answer;
  std::vector<Record> authority;
};

// The response in wire form, at most `limit` bytes: if it does not fit, it goes out truncated (TC)
// and without records. Owner names that repeat are compressed.
std::string print_response(const Query& query, const Response& response, std::size_t limit);

// A query, for tests and health checks.
std::string print_query(const Query& query);

// rdata
std::optional<std::string> address_rdata(std::string_view ip);  // A or AAAA by the text's form
struct Soa {
  std::string primary, mailbox;  // wire form
  std::uint32_t serial = 1, refresh = 3600, retry = 600, expire = 86400, minimum = 5;
};
std::string soa_rdata(const Soa& soa);

}  // namespace dnswire
