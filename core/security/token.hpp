// New tokens: what `patchbay token new` prints and what the gateway makes for its own run.
//
//   NewToken made = make_token();      // show made.token once, keep made.sha256
#pragma once

#include <string>

namespace patchbay::security {

struct NewToken {
  std::string token;   // URL-safe, from the kernel's generator
  std::string sha256;  // 64 hexadecimal digits
};
NewToken make_token(std::size_t bytes = 32);

}  // namespace patchbay::security
