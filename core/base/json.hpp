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
#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
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

namespace detail {

// RapidJSON makes an allocator object for each part that is given none; this one has no state.
inline rapidjson::CrtAllocator heap;

// A buffer and a writer that a thread uses again and again: new ones would take four allocations a text.
struct Pen {
  Buffer buffer{&heap};
  Writer writer{buffer, &heap};
  bool in_use = false;
};

}  // namespace detail

// The text of what `write(what, writer)` writes. No template: there are hundreds of callers.
[[gnu::noinline]] inline std::string text_of_writing(void const* what, void (*write)(void const*, Writer&)) {
  constexpr std::size_t most_kept = std::size_t{64} << 10;
  static thread_local detail::Pen pen;
  if (pen.in_use) {  // inside of another text
    Buffer buffer;
    Writer writer{buffer};
    write(what, writer);
    return {buffer.GetString(), buffer.GetSize()};
  }
  struct Use {
    Use() { pen.in_use = true; }
    ~Use() {
      auto const size = pen.buffer.GetSize();
      pen.buffer.Clear();
      if (size > most_kept) pen.buffer.ShrinkToFit();
      pen.writer.Reset(pen.buffer);
      pen.in_use = false;
    }
  } const use;
  write(what, pen.writer);
  return {pen.buffer.GetString(), pen.buffer.GetSize()};
}
// The text of what `write(writer)` writes.
template <class Write>
std::string text_by(Write const& write) {
  return text_of_writing(&write, [](void const* what, Writer& writer) { (*static_cast<Write const*>(what))(writer); });
}

inline std::string to_text(Value const& value) {
  return text_by([&](Writer& writer) { value.Accept(writer); });
}
inline std::string quoted(std::string_view text) {
  return text_by([&](Writer& writer) { write_text(writer, text); });
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

// Where a member of the top-level object stands: from the first character of its key to the next member, or the end.
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

// A text that is read in place is a passing one: the document copies its strings all the same.
template <class Stream>
inline constexpr bool is_in_place = std::is_same_v<Stream, rapidjson::InsituStringStream>;

// Stands between reader and document. Reading in place, it also notes where each member of the top-level object stands.
template <class Next, class Stream>
class Guard {
 public:
  // `escapes`: the text has \u somewhere. Only an escape can make a string hold what valid UTF-8 cannot.
  Guard(Next& next, Limits const& limits, Stream& stream, std::vector<Span>* spans, bool escapes)
      : next_(next), limits_(limits), stream_(stream), spans_(spans), escapes_(escapes) {}

  bool Null() { return count() && next_.Null(); }
  bool Bool(bool value) { return count() && next_.Bool(value); }
  bool Int(int value) { return count() && next_.Int(value); }
  bool Uint(unsigned value) { return count() && next_.Uint(value); }
  bool Int64(std::int64_t value) { return count() && next_.Int64(value); }
  bool Uint64(std::uint64_t value) { return count() && next_.Uint64(value); }
  bool Double(double value) { return count() && next_.Double(value); }
  bool RawNumber(char const* text, rapidjson::SizeType size, bool copy) {
    return count() && next_.RawNumber(text, size, copy);
  }
  bool String(char const* text, rapidjson::SizeType size, bool copy) {
    return decoded({text, size}) && count() && next_.String(text, size, copy || is_in_place<Stream>);
  }
  bool Key(char const* text, rapidjson::SizeType size, bool copy) {
    if (!decoded({text, size})) return false;
    if constexpr (is_in_place<Stream>)
      if (depth_ == 1 && in_object_) note_member(static_cast<std::size_t>(text - stream_.head_));
    return next_.Key(text, size, copy || is_in_place<Stream>);
  }
  bool StartObject() {
    if (depth_ == 0) in_object_ = true;
    return enter() && next_.StartObject();
  }
  bool StartArray() { return enter() && next_.StartArray(); }
  bool EndObject(rapidjson::SizeType count) {
    if (--depth_ == 0 && spans_ != nullptr && !spans_->empty()) spans_->back().end = stream_.Tell() - 1;
    return next_.EndObject(count);
  }
  bool EndArray(rapidjson::SizeType count) {
    --depth_;
    return next_.EndArray(count);
  }

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
  bool enter() {
    if (++depth_ > limits_.depth)
      return refuse(Code::invalid_argument, "nested deeper than " + std::to_string(limits_.depth) + " levels");
    return count();
  }
  // `key`: where its first character stands. Not asked of the stream: the reader has a copy of it while in a string.
  void note_member(std::size_t key) {
    if (spans_ == nullptr) return;
    if (!spans_->empty()) spans_->back().end = key - 1;
    spans_->push_back({key, 0});
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
  Stream& stream_;
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

// Reads the text through the guard into `next`. `stream` shows the same text; see parse() and check(). Nothing: it is
// well.
template <unsigned flags, class Stream, class Next>
std::optional<Error> run(std::string_view text, Stream& stream, Limits const& limits, Next& next,
                         std::vector<Span>* spans) {
  if (!is_utf8(text)) return Error{Code::invalid_argument, "not JSON: the text is not valid UTF-8"};
  // RapidJSON skips a byte order mark only in its encoded streams, so one is an error here (RFC 8259, section 8.1).
  // The escapes are looked for first: reading in place changes the bytes that the stream shows, not those of `text`.
  Guard<Next, Stream> guard{next, limits, stream, spans, text.find("\\u") != std::string_view::npos};
  rapidjson::Reader reader{&heap};
  auto done = reader.Parse<flags>(stream, guard);
  if (done.IsError()) {
    auto at = " at byte " + std::to_string(done.Offset());
    if (!guard.problem().empty()) return Error{guard.code(), "JSON refused: " + guard.problem() + at};
    return Error{Code::invalid_argument, std::string{"not JSON: "} + rapidjson::GetParseError_En(done.Code()) + at};
  }
  if (stream.Tell() != text.size())  // the stream shows a NUL byte as its end
    return Error{Code::invalid_argument, "not JSON: a NUL byte at byte " + std::to_string(stream.Tell())};
  return std::nullopt;
}

// Whether two keys of an object may be the same: a bit for each kind of key (its length, first and last character), and
// no two of a kind. Most objects are cleared so without comparing their keys.
inline bool keys_differ(Value const& object) {
  std::uint64_t seen = 0;
  for (auto const& member : object.GetObject()) {
    auto const name = text_of(member.name);
    unsigned kind = 0;
    if (!name.empty())
      kind = static_cast<unsigned char>(name.front()) * 7U + static_cast<unsigned char>(name.back()) * 3U +
             static_cast<unsigned>(name.size());
    auto const bit = std::uint64_t{1} << (kind & 63U);
    if ((seen & bit) != 0) return false;
    seen |= bit;
  }
  return true;
}

inline bool is_container(Value const& value) { return value.IsObject() || value.IsArray(); }

// The JSON pointer of the first duplicate key, or nothing. The document's depth is bounded by the guard.
inline std::optional<std::string> duplicate_key(Value const& value) {
  if (value.IsArray()) {
    rapidjson::SizeType index = 0;
    for (auto const& item : value.GetArray()) {
      if (is_container(item))
        if (auto inner = duplicate_key(item)) return "/" + std::to_string(index) + *inner;
      ++index;
    }
  } else if (value.IsObject()) {
    auto const count = value.MemberCount();
    if (keys_differ(value)) {
      // nothing to compare
    } else if (count > 16) {
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
      if (is_container(member.value))
        if (auto inner = duplicate_key(member.value)) return pointer_token(text_of(member.name)) + *inner;
  }
  return std::nullopt;
}

}  // namespace detail

namespace detail {

// Where a document lives: one allocation holds the pool, its first bytes, and so the whole of a small document.
struct Memory {
  explicit Memory(std::size_t chunk) : pool(first, sizeof first, chunk, &heap) {}
  alignas(std::max_align_t) char first[944];
  Document::AllocatorType pool;
};

}  // namespace detail

// A parsed text: the document, and for an object the place of each member's value in the text, in the same order.
// Borrows the text: keep it alive. The document lives in the Parsed, do not move it out.
struct Parsed {
  std::string_view text;
  std::unique_ptr<detail::Memory> memory;
  Document document;
  std::vector<Span> spans;

  explicit Parsed(std::string_view source)
      : text(source),
        memory(new detail::Memory(std::clamp<std::size_t>(source.size(), 1024, 64 << 10))),
        document(&memory->pool, 512, &detail::heap) {
    spans.reserve(8);
  }

  // The bytes of the value of the n-th member of the top-level object.
  std::string_view slice(std::size_t member) const {
    auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
    auto [begin, end] = spans[member];
    while (text[begin] != '"') begin += text[begin] == '\\' ? 2 : 1;
    ++begin;
    while (is_space(text[begin]) || text[begin] == ':') ++begin;
    while (is_space(text[end - 1])) --end;
    if (text[end - 1] == ',') --end;
    while (is_space(text[end - 1])) --end;
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
// Reads a copy of the text in place: RapidJSON collects the characters of each string on a stack of its own otherwise.
inline Result<Parsed> parse(std::string_view text, Limits const& limits = client_limits) {
  Result<Parsed> out{boost::system::in_place_value, text};
  auto& document = out->document;
  std::array<char, 1024> small;
  std::unique_ptr<char[]> large;
  if (text.size() >= small.size()) large.reset(new char[text.size() + 1]);
  auto* const copy = large != nullptr ? large.get() : small.data();
  if (!text.empty()) std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  rapidjson::InsituStringStream stream{copy};
  std::optional<Error> problem;
  auto generate = [&](Document& into) {
    problem = detail::run<detail::parse_flags | rapidjson::kParseInsituFlag>(text, stream, limits, into, &out->spans);
    return !problem;
  };
  document.Populate(generate);
  if (!problem && limits.unique_keys)
    if (auto where = detail::duplicate_key(document))
      problem = Error{Code::invalid_argument, "JSON refused: the key at " + *where + " stands there twice", *where};
  if (problem) out = std::move(*problem);
  return out;
}

// Checks a text without building a document.
inline Result<void> check(std::string_view text, Limits const& limits = upstream_limits) {
  detail::Ignore ignore;
  rapidjson::MemoryStream stream{text.data(), text.size()};
  if (auto problem = detail::run<detail::parse_flags>(text, stream, limits, ignore, nullptr)) return *problem;
  return {};
}

}  // namespace json
}  // namespace patchbay
