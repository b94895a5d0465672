// JSON at the edge: the guard in front of every document, raw text, and small helpers over RapidJSON.
//
//   Result<json::Parsed> parsed = json::parse(body, json::client_limits);
//   if (!parsed) return parsed.error();                      // precise, with the byte offset; nothing was kept
//   RawJson data = parsed->member_text("data");              // exactly the bytes that came
//
// The guard is a SAX handler in front of the document: depth, number of values, string length and encoding are checked
// while parsing, so a hostile text never grows a document; duplicate keys are looked for afterwards in the bounded
// document. RapidJSON itself takes lone surrogates and U+0000, hence the second look at decoded strings. Pure
// functions, any thread. Cost: about 3 ns a byte for small texts. Header-only: plugins use it through the SDK.
#pragma once

#include <rapidjson/document.h>
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "core/base/utf8.hpp"

namespace patchbay {

// Validated JSON text, passed on as it came.
struct RawJson {
  std::string text = "null";
  friend bool operator==(RawJson const&, RawJson const&) = default;
};

namespace json {

using Value = rapidjson::Value;
using Document = rapidjson::Document;
using Buffer = rapidjson::StringBuffer;
using Writer = rapidjson::Writer<Buffer>;

struct Limits {
  unsigned depth = 64;
  std::size_t values = 10'000;
  std::size_t string_bytes = std::size_t{1} << 20;
  bool unique_keys = true;  // and no U+0000 in strings
};
inline constexpr Limits client_limits{};
inline constexpr Limits upstream_limits{64, 2'000'000, std::size_t{16} << 20, false};

inline std::string_view text_of(Value const& value) { return {value.GetString(), value.GetStringLength()}; }

inline Value const* find(Value const& object, std::string_view key) {
  if (!object.IsObject()) return nullptr;
  for (auto const& member : object.GetObject())
    if (text_of(member.name) == key) return &member.value;
  return nullptr;
}
// The text of a string member, or empty.
inline std::string_view find_text(Value const& object, std::string_view key) {
  auto const* value = find(object, key);
  return value != nullptr && value->IsString() ? text_of(*value) : std::string_view{};
}

inline void write_text(Writer& writer, std::string_view text) {
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}
inline void write_key(Writer& writer, std::string_view text) {
  writer.Key(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}
inline void write_raw(Writer& writer, std::string_view text) {
  writer.RawValue(text.data(), text.size(), rapidjson::kObjectType);
}

inline std::string to_text(Value const& value) {
  Buffer buffer;
  Writer writer{buffer};
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}
inline std::string quoted(std::string_view text) {
  Buffer buffer;
  Writer writer{buffer};
  write_text(writer, text);
  return {buffer.GetString(), buffer.GetSize()};
}

inline std::string_view kind_of(Value const& value) {
  switch (value.GetType()) {
    case rapidjson::kNullType: return "null";
    case rapidjson::kFalseType:
    case rapidjson::kTrueType: return "a boolean";
    case rapidjson::kObjectType: return "an object";
    case rapidjson::kArrayType: return "an array";
    case rapidjson::kStringType: return "a string";
    case rapidjson::kNumberType: return value.IsInt64() || value.IsUint64() ? "an integer" : "a number";
  }
  return "unknown";
}

// One reference token of a JSON pointer, escaped by RFC 6901.
inline std::string pointer_token(std::string_view name) {
  std::string out{"/"};
  for (char c : name) {
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out += c;
  }
  return out;
}

struct Span {
  std::size_t begin = 0, end = 0;
};

namespace detail {

struct Ignore {
  bool Null() { return true; }
  bool Bool(bool) { return true; }
  bool Int(int) { return true; }
  bool Uint(unsigned) { return true; }
  bool Int64(std::int64_t) { return true; }
  bool Uint64(std::uint64_t) { return true; }
  bool Double(double) { return true; }
  bool RawNumber(char const*, rapidjson::SizeType, bool) { return true; }
  bool String(char const*, rapidjson::SizeType, bool) { return true; }
  bool StartObject() { return true; }
  bool Key(char const*, rapidjson::SizeType, bool) { return true; }
  bool EndObject(rapidjson::SizeType) { return true; }
  bool StartArray() { return true; }
  bool EndArray(rapidjson::SizeType) { return true; }
};

inline bool has_surrogate(std::string_view text) {
  for (auto at = text.find('\xED'); at != std::string_view::npos; at = text.find('\xED', at + 1))
    if (at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) >= 0xA0) return true;
  return false;
}

// Stands between reader and document. Also notes where each value of the top-level object stands in the text.
template <class Next>
class Guard {
 public:
  // `escapes`: the text has \u somewhere. Only an escape can make a string hold what valid UTF-8 cannot.
  Guard(Next& next, Limits const& limits, rapidjson::MemoryStream const& stream, std::vector<Span>* spans, bool escapes)
      : next_(next), limits_(limits), stream_(stream), spans_(spans), escapes_(escapes) {}

  bool Null() { return scalar() && next_.Null(); }
  bool Bool(bool value) { return scalar() && next_.Bool(value); }
  bool Int(int value) { return scalar() && next_.Int(value); }
  bool Uint(unsigned value) { return scalar() && next_.Uint(value); }
  bool Int64(std::int64_t value) { return scalar() && next_.Int64(value); }
  bool Uint64(std::uint64_t value) { return scalar() && next_.Uint64(value); }
  bool Double(double value) { return scalar() && next_.Double(value); }
  bool RawNumber(char const* text, rapidjson::SizeType size, bool copy) {
    return scalar() && next_.RawNumber(text, size, copy);
  }
  bool String(char const* text, rapidjson::SizeType size, bool copy) {
    return decoded({text, size}) && scalar() && next_.String(text, size, copy);
  }
  bool Key(char const* text, rapidjson::SizeType size, bool copy) {
    if (!decoded({text, size})) return false;
    if (depth_ == 1 && spans_ != nullptr && in_object_) spans_->push_back({stream_.Tell(), 0});
    return next_.Key(text, size, copy);
  }
  bool StartObject() {
    if (depth_ == 0) in_object_ = true;
    return enter() && next_.StartObject();
  }
  bool StartArray() { return enter() && next_.StartArray(); }
  bool EndObject(rapidjson::SizeType count) { return leave() && next_.EndObject(count); }
  bool EndArray(rapidjson::SizeType count) { return leave() && next_.EndArray(count); }

  std::string const& problem() const { return problem_; }
  Code code() const { return code_; }

 private:
  bool refuse(Code code, std::string text) {
    code_ = code;
    problem_ = std::move(text);
    return false;
  }
  bool count() {
    if (++values_ <= limits_.values) return true;
    return refuse(Code::invalid_argument, "more than " + std::to_string(limits_.values) + " values");
  }
  bool scalar() {
    end_value();
    return count();
  }
  bool enter() {
    if (++depth_ > limits_.depth)
      return refuse(Code::invalid_argument, "nested deeper than " + std::to_string(limits_.depth) + " levels");
    return count();
  }
  bool leave() {
    --depth_;
    end_value();
    return true;
  }
  void end_value() {
    if (depth_ == 1 && spans_ != nullptr && in_object_) spans_->back().end = stream_.Tell();
  }
  bool decoded(std::string_view text) {
    if (text.size() > limits_.string_bytes)
      return refuse(Code::invalid_argument, "a string longer than " + std::to_string(limits_.string_bytes) + " bytes");
    if (!escapes_) return true;
    if (has_surrogate(text)) return refuse(Code::invalid_argument, "a lone surrogate in a string: not valid Unicode");
    if (limits_.unique_keys && std::memchr(text.data(), 0, text.size()) != nullptr)
      return refuse(Code::invalid_argument, "U+0000 in a string");
    return true;
  }

  Next& next_;
  Limits const& limits_;
  rapidjson::MemoryStream const& stream_;
  std::vector<Span>* spans_;
  bool const escapes_;
  unsigned depth_ = 0;
  std::size_t values_ = 0;
  bool in_object_ = false;
  Code code_ = Code::invalid_argument;
  std::string problem_;
};

// Not full precision: RapidJSON 1.1 reads 0e-30 as 9.6e-240 then. Without it numbers of up to 15 digits are exact. Its
// own check of the encoding is slower than is_utf8().
inline constexpr unsigned parse_flags = rapidjson::kParseNoFlags;

template <class Next>
Result<void> run(std::string_view text, Limits const& limits, Next& next, std::vector<Span>* spans) {
  if (!is_utf8(text)) return Error{Code::invalid_argument, "not JSON: the text is not valid UTF-8"};
  // RapidJSON skips a byte order mark only in its encoded streams, so one is an error here (RFC 8259, section 8.1).
  rapidjson::MemoryStream stream{text.data(), text.size()};
  Guard<Next> guard{next, limits, stream, spans, text.find("\\u") != std::string_view::npos};
  rapidjson::Reader reader;
  auto done = reader.Parse<parse_flags>(stream, guard);
  if (done.IsError()) {
    auto at = " at byte " + std::to_string(done.Offset());
    if (!guard.problem().empty()) return Error{guard.code(), "JSON refused: " + guard.problem() + at};
    return Error{Code::invalid_argument, std::string{"not JSON: "} + rapidjson::GetParseError_En(done.Code()) + at};
  }
  if (stream.Tell() != text.size())  // the stream shows a NUL byte as its end
    return Error{Code::invalid_argument, "not JSON: a NUL byte at byte " + std::to_string(stream.Tell())};
  return {};
}

// The JSON pointer of the first duplicate key, or nothing. The document's depth is bounded by the guard.
inline std::optional<std::string> duplicate_key(Value const& value) {
  if (value.IsArray()) {
    rapidjson::SizeType index = 0;
    for (auto const& item : value.GetArray()) {
      if (auto inner = duplicate_key(item)) return "/" + std::to_string(index) + *inner;
      ++index;
    }
  } else if (value.IsObject()) {
    auto const count = value.MemberCount();
    if (count > 16) {
      std::vector<std::string_view> names;
      names.reserve(count);
      for (auto const& member : value.GetObject()) names.push_back(text_of(member.name));
      std::sort(names.begin(), names.end());
      auto twice = std::adjacent_find(names.begin(), names.end());
      if (twice != names.end()) return pointer_token(*twice);
    } else {
      for (auto a = value.MemberBegin(); a != value.MemberEnd(); ++a)
        for (auto b = a + 1; b != value.MemberEnd(); ++b)
          if (text_of(a->name) == text_of(b->name)) return pointer_token(text_of(a->name));
    }
    for (auto const& member : value.GetObject())
      if (auto inner = duplicate_key(member.value)) return pointer_token(text_of(member.name)) + *inner;
  }
  return std::nullopt;
}

}  // namespace detail

// A parsed text: the document, and for an object the place of each member's value in the text, in the same order.
// Borrows the text: keep it alive.
struct Parsed {
  std::string_view text;
  Document document;
  std::vector<Span> spans;

  explicit Parsed(std::string_view source) : text(source), document(nullptr, 512) { spans.reserve(8); }

  // The bytes of the value of the n-th member of the top-level object.
  std::string_view slice(std::size_t member) const {
    auto [begin, end] = spans[member];
    while (begin < end && (text[begin] == ' ' || text[begin] == '\t' || text[begin] == '\n' || text[begin] == '\r' ||
                           text[begin] == ':'))
      ++begin;
    return text.substr(begin, end - begin);
  }
  // The bytes of a member's value, or empty when there is no such member.
  std::string_view member_text(std::string_view key) const {
    if (!document.IsObject()) return {};
    std::size_t index = 0;
    for (auto const& member : document.GetObject()) {
      if (text_of(member.name) == key) return slice(index);
      ++index;
    }
    return {};
  }
};

// Errors: invalid_argument for anything that is not JSON or beyond the limits.
inline Result<Parsed> parse(std::string_view text, Limits const& limits = client_limits) {
  Parsed out{text};
  Result<void> status;
  auto generate = [&](Document& document) {
    status = detail::run(text, limits, document, &out.spans);
    return status.has_value();
  };
  out.document.Populate(generate);
  if (!status) return status.error();
  if (limits.unique_keys)
    if (auto where = detail::duplicate_key(out.document))
      return Error{Code::invalid_argument, "JSON refused: the key at " + *where + " stands there twice", *where};
  return out;
}

// Checks a text without building a document.
inline Result<void> check(std::string_view text, Limits const& limits = upstream_limits) {
  detail::Ignore ignore;
  return detail::run(text, limits, ignore, nullptr);
}

}  // namespace json
}  // namespace patchbay
