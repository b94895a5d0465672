// Result<T>: a value or an Error. Failure is part of the signature; exceptions are for bugs and for construction.
//
//   Result<int> parsed = parse(text);
//   if (!parsed) return parsed.error();
//   use(*parsed);
//
// `value()` throws ErrorException when there is none. Header-only.
#pragma once

#include <boost/system/result.hpp>
#include <stdexcept>
#include <utility>

#include "core/base/error.hpp"

namespace patchbay {

class ErrorException : public std::runtime_error {
 public:
  explicit ErrorException(Error error)
      : std::runtime_error(std::string{name_of(error.code)} + ": " + error.message), error_(std::move(error)) {}
  Error const& error() const { return error_; }

 private:
  Error error_;
};

// Found by argument-dependent lookup from boost::system::result::value().
[[noreturn]] inline void throw_exception_from_error(Error const& error, boost::source_location const&) {
  throw ErrorException{error};
}

template <class T>
using Result = boost::system::result<T, Error>;

}  // namespace patchbay
