// Numbers of arbitrary length in base 36 and 62, as kcp writes hashes. Pure. Source: reference
// kcp-apis.md appendix B.
#pragma once

#include <string>
#include <string_view>

namespace tenancy {

std::string base36(std::string_view big_endian);  // digits 0-9a-z, no leading zeros
std::string base62(std::string_view big_endian);  // digits 0-9A-Za-z as big.Int.Text(62): 0-9a-zA-Z
std::string base36_sha224(std::string_view text);
std::string base62_sha224(std::string_view text);

}  // namespace tenancy
