// Describe<T>: the one description of a plain struct from which its JSON Schema, reader and writer derive.
//
//   struct SayArgs { std::string text; int times = 1; };
//   template <> struct patchbay::Describe<SayArgs> {
//     static constexpr std::tuple fields{field("text", &SayArgs::text, "What to say").length(1, 4096),
//                                        field("times", &SayArgs::times, "How often").optional().range(1, 10)};
//   };
//   describe::schema_text<SayArgs>()            // JSON Schema, compiled once by Schema::compile
//   describe::write(writer, args)               // the struct as JSON
//   describe::read(parsed.document, args)       // from JSON that the Schema has accepted
//
// An optional field's default is the one of a default-constructed T; std::optional members are optional by themselves.
// Member types: bool, integers, double, std::string, RawJson (any JSON, kept as it came), vectors, std::map by string,
// std::optional, enums with EnumNames<E>, and described structs. Header-only: plugins use it through the SDK.
#pragma once

#include <concepts>
#include <initializer_list>
#include <limits>
#include <map>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/base/json.hpp"

namespace patchbay {

template <class T>
struct Describe;  // specialise: static constexpr std::tuple fields{...};

// For an enum: template <> struct EnumNames<E> { static constexpr std::array names{std::pair{"read", E::read}, ...}; };
template <class E>
struct EnumNames;

// What is said of a field, whatever its type.
struct FieldInfo {
  std::string_view name;
  std::string_view help;
  bool is_optional = false;
  bool is_open = false;      // the enum lists what is known; other words pass
  bool is_nullable = false;  // null means absent
  std::int64_t min_length = -1, max_length = -1;
  std::optional<double> minimum{}, maximum{};
  std::array<std::string_view, 4> alias_list{};
  std::size_t alias_count = 0;
  std::array<std::string_view, 24> words{};
  std::size_t word_count = 0;
  std::array<std::string_view, 3> types{};  // for RawJson: which types are taken
  std::size_t type_count = 0;
};

template <class T, class M>
struct Field : FieldInfo {
  M T::*member;

  constexpr Field optional() const {
    auto c = *this;
    c.is_optional = true;
    return c;
  }
  // Optional, and null stands for absent too.
  constexpr Field nullable() const {
    auto c = *this;
    c.is_optional = true;
    c.is_nullable = true;
    return c;
  }
  constexpr Field length(std::int64_t least, std::int64_t most) const {
    auto c = *this;
    c.min_length = least;
    c.max_length = most;
    return c;
  }
  constexpr Field range(double least, double most) const {
    auto c = *this;
    c.minimum = least;
    c.maximum = most;
    return c;
  }
  constexpr Field at_least(double least) const {
    auto c = *this;
    c.minimum = least;
    return c;
  }
  template <class... Names>
  constexpr Field alias(Names... names) const {
    auto c = *this;
    ((c.alias_list[c.alias_count++] = names), ...);
    return c;
  }
  template <class... Words>
  constexpr Field one_of(Words... list) const {
    auto c = *this;
    ((c.words[c.word_count++] = list), ...);
    return c;
  }
  template <class... Words>
  constexpr Field suggests(Words... list) const {
    auto c = one_of(list...);
    c.is_open = true;
    return c;
  }
  // For RawJson members: the JSON types that are taken, such as type("object") or type("string", "array").
  template <class... Types>
  constexpr Field type(Types... list) const {
    auto c = *this;
    ((c.types[c.type_count++] = list), ...);
    return c;
  }
};

template <class T, class M>
constexpr Field<T, M> field(std::string_view name, M T::*member, std::string_view help) {
  return {{name, help}, member};
}

// The result of an operation that has nothing to say, and the arguments of one that takes none.
struct Nothing {
  friend bool operator==(Nothing, Nothing) = default;
};
template <>
struct Describe<Nothing> {
  static constexpr std::tuple<> fields{};
};

namespace describe {

template <class T>
struct is_optional : std::false_type {};
template <class T>
struct is_optional<std::optional<T>> : std::true_type {};
template <class T>
struct is_vector : std::false_type {};
template <class T>
struct is_vector<std::vector<T>> : std::true_type {};
template <class T>
struct is_map : std::false_type {};
template <class T>
struct is_map<std::map<std::string, T>> : std::true_type {};
template <class T>
concept Described = requires { Describe<T>::fields; };
template <class T>
concept NamedEnum = std::is_enum_v<T> && requires { EnumNames<T>::names; };

template <class T>
void write(json::Writer& writer, T const& value) {
  if constexpr (std::is_same_v<T, RawJson>) {
    json::write_raw(writer, value.text);
  } else if constexpr (std::is_same_v<T, bool>) {
    writer.Bool(value);
  } else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
    writer.Int64(value);
  } else if constexpr (std::is_integral_v<T>) {
    writer.Uint64(value);
  } else if constexpr (std::is_floating_point_v<T>) {
    if (value == value && value <= std::numeric_limits<T>::max() && value >= std::numeric_limits<T>::lowest())
      writer.Double(value);
    else
      writer.Null();  // JSON has no NaN and no infinity
  } else if constexpr (std::is_convertible_v<T const&, std::string_view>) {
    json::write_text(writer, value);
  } else if constexpr (is_optional<T>::value) {
    if (value)
      write(writer, *value);
    else
      writer.Null();
  } else if constexpr (is_vector<T>::value) {
    writer.StartArray();
    for (auto const& item : value) write<typename T::value_type>(writer, item);
    writer.EndArray();
  } else if constexpr (is_map<T>::value) {
    writer.StartObject();
    for (auto const& [key, item] : value) {
      json::write_key(writer, key);
      write(writer, item);
    }
    writer.EndObject();
  } else if constexpr (NamedEnum<T>) {
    for (auto const& [name, constant] : EnumNames<T>::names)
      if (constant == value) return json::write_text(writer, name);
    writer.Null();
  } else {
    static_assert(Described<T>, "a struct at the JSON edge needs a Describe<T>");
    writer.StartObject();
    std::apply(
        [&](auto const&... fields) {
          (
              [&] {
                auto const& member = value.*fields.member;
                if constexpr (is_optional<std::remove_cvref_t<decltype(member)>>::value) {
                  if (!member) return;  // absent, not null
                }
                json::write_key(writer, fields.name);
                write(writer, member);
              }(),
              ...);
        },
        Describe<T>::fields);
    writer.EndObject();
  }
}

template <class T>
std::string to_text(T const& value) {
  return json::text_of_writing(
      &value, [](void const* what, json::Writer& writer) { write(writer, *static_cast<T const*>(what)); });
}

template <class T>
void write_schema(json::Writer& writer);

// What needs no type is no template: there are hundreds of described structs.
namespace detail {

// What an integer type can hold, where JSON Schema has to say so.
struct IntegerRange {
  std::optional<std::int64_t> least;
  std::optional<std::int64_t> most;
};
template <class M>
inline constexpr IntegerRange range_of = [] {
  IntegerRange out{};
  if constexpr (std::is_integral_v<M> && !std::is_same_v<M, bool>) {
    if (std::is_unsigned_v<M>)
      out.least = 0;
    else if (sizeof(M) < 8)
      out.least = static_cast<std::int64_t>(std::numeric_limits<M>::min());
    if (sizeof(M) < 8) out.most = static_cast<std::int64_t>(std::numeric_limits<M>::max());
  }
  return out;
}();

template <class M>
void write_value(json::Writer& writer, void const* value) {
  write(writer, *static_cast<M const*>(value));
}

inline void write_words(json::Writer& writer, std::string_view key, std::string_view const* words, std::size_t count,
                        bool and_null = false) {
  json::write_key(writer, key);
  writer.StartArray();
  for (std::size_t i = 0; i < count; ++i) json::write_text(writer, words[i]);
  if (and_null) writer.Null();
  writer.EndArray();
}
inline void write_bound(json::Writer& writer, std::string_view key, double number) {
  json::write_key(writer, key);
  if (number == static_cast<double>(static_cast<std::int64_t>(number)))
    writer.Int64(static_cast<std::int64_t>(number));
  else
    writer.Double(number);
}

// What a member's type says of its schema.
struct MemberType {
  void (*write_members)(json::Writer&, bool nullable);
  IntegerRange range;
  bool is_optional;
};
// One property of an object. `write_default` writes the value `given`; null: it has no default.
struct Property {
  FieldInfo const* info;
  MemberType const* type;
  void (*write_default)(json::Writer&, void const*);
  void const* given;
};
[[gnu::noinline, gnu::cold]] inline void write_property(json::Writer& writer, Property const& p) {
  auto const& f = *p.info;
  auto const& range = p.type->range;
  json::write_key(writer, f.name);
  writer.StartObject();
  if (f.type_count == 0) {
    p.type->write_members(writer, f.is_nullable);
  } else if (f.type_count == 1 && !f.is_nullable) {
    json::write_key(writer, "type");
    json::write_text(writer, f.types[0]);
  } else {
    json::write_key(writer, "type");
    writer.StartArray();
    for (std::size_t i = 0; i < f.type_count; ++i) json::write_text(writer, f.types[i]);
    if (f.is_nullable) json::write_text(writer, "null");
    writer.EndArray();
  }
  json::write_key(writer, "description");
  json::write_text(writer, f.help);
  auto whole = [&](std::string_view key, std::optional<std::int64_t> const& number) {
    if (!number) return;
    json::write_key(writer, key);
    writer.Int64(*number);
  };
  if (!f.minimum) whole("minimum", range.least);
  if (!f.maximum) whole("maximum", range.most);
  if (f.minimum) write_bound(writer, "minimum", *f.minimum);
  if (f.maximum) write_bound(writer, "maximum", *f.maximum);
  if (f.min_length >= 0) whole("minLength", f.min_length);
  if (f.max_length >= 0) whole("maxLength", f.max_length);
  if (f.word_count > 0)
    write_words(writer, f.is_open ? "examples" : "enum", f.words.data(), f.word_count, f.is_nullable && !f.is_open);
  if (p.write_default != nullptr) {
    json::write_key(writer, "default");
    p.write_default(writer, p.given);
  }
  if (f.alias_count > 0) write_words(writer, "x-aliases", f.alias_list.data(), f.alias_count);
  writer.EndObject();
}

[[gnu::noinline, gnu::cold]] inline void write_properties(json::Writer& writer, Property const* list,
                                                          std::size_t count) {
  json::write_key(writer, "properties");
  writer.StartObject();
  for (std::size_t i = 0; i < count; ++i) write_property(writer, list[i]);
  writer.EndObject();
  bool begun = false;
  for (std::size_t i = 0; i < count; ++i) {
    if (list[i].info->is_optional || list[i].type->is_optional) continue;
    if (!std::exchange(begun, true)) {
      json::write_key(writer, "required");
      writer.StartArray();
    }
    json::write_text(writer, list[i].info->name);
  }
  if (begun) writer.EndArray();
}

[[gnu::noinline, gnu::cold]] inline void write_type(json::Writer& writer, std::string_view name, bool nullable) {
  json::write_key(writer, "type");
  if (!nullable) return json::write_text(writer, name);
  writer.StartArray();
  json::write_text(writer, name);
  json::write_text(writer, "null");
  writer.EndArray();
}

}  // namespace detail

template <class T>
void write_schema_members(json::Writer& writer, bool nullable);

namespace detail {
template <class M>
inline constexpr MemberType type_of{&write_schema_members<M>, range_of<M>, is_optional<M>::value};

template <class M>
[[gnu::always_inline]] inline Property property(FieldInfo const& field, M const& given) {
  bool const has_default = field.is_optional && !is_optional<M>::value;
  return {&field, &type_of<M>, has_default ? &write_value<M> : nullptr, &given};
}
}  // namespace detail

// The members of a schema object for one type, without the braces, so that a field adds its own.
template <class T>
[[gnu::cold]] void write_schema_members(json::Writer& writer, bool nullable) {
  auto type = [&](std::string_view name) { detail::write_type(writer, name, nullable); };
  if constexpr (std::is_same_v<T, RawJson>) {
    // any JSON: no type
  } else if constexpr (std::is_same_v<T, bool>) {
    type("boolean");
  } else if constexpr (std::is_integral_v<T>) {
    type("integer");
  } else if constexpr (std::is_floating_point_v<T>) {
    type("number");
  } else if constexpr (std::is_convertible_v<T const&, std::string_view>) {
    type("string");
  } else if constexpr (is_optional<T>::value) {
    write_schema_members<typename T::value_type>(writer, nullable);
  } else if constexpr (is_vector<T>::value) {
    type("array");
    json::write_key(writer, "items");
    write_schema<typename T::value_type>(writer);
  } else if constexpr (is_map<T>::value) {
    type("object");
    json::write_key(writer, "additionalProperties");
    write_schema<typename T::mapped_type>(writer);
  } else if constexpr (NamedEnum<T>) {
    type("string");
    json::write_key(writer, "enum");
    writer.StartArray();
    for (auto const& [name, constant] : EnumNames<T>::names) json::write_text(writer, name);
    writer.EndArray();
  } else {
    static_assert(Described<T>, "a struct at the JSON edge needs a Describe<T>");
    type("object");
    T const defaults{};
    std::apply(
        [&](auto const&... fields) {
          detail::Property const list[sizeof...(fields) + 1] = {detail::property(fields, defaults.*fields.member)...};
          detail::write_properties(writer, list, sizeof...(fields));
        },
        Describe<T>::fields);
    if constexpr (requires { Describe<T>::required_one_of; }) {  // names, at least one of which must be given
      json::write_key(writer, "x-required-one-of");
      writer.StartArray();
      for (std::string_view name : Describe<T>::required_one_of) json::write_text(writer, name);
      writer.EndArray();
    }
  }
}

template <class T>
[[gnu::cold]] void write_schema(json::Writer& writer) {
  writer.StartObject();
  write_schema_members<T>(writer, false);
  writer.EndObject();
}

template <class T>
[[gnu::cold]] std::string schema_text() {
  return json::text_of_writing(nullptr, [](void const*, json::Writer& writer) { write_schema<T>(writer); });
}

namespace detail {

// A field's value in an object, by its name or one of its aliases; null where that means absent.
[[gnu::noinline]] inline json::Value const* find(json::Value const& object, FieldInfo const& field) {
  auto const* found = json::find(object, field.name);
  for (std::size_t i = 0; found == nullptr && i < field.alias_count; ++i)
    found = json::find(object, field.alias_list[i]);
  return found != nullptr && field.is_nullable && found->IsNull() ? nullptr : found;
}

// The members of a parsed object by the fields of a declaration, whose order most senders keep: it looks there first.
class Members {
 public:
  explicit Members(json::Parsed const& parsed)
      : parsed_(parsed), count_(parsed.document.IsObject() ? parsed.document.MemberCount() : 0) {
    if (count_ > 0) first_ = &*parsed.document.MemberBegin();
  }
  [[gnu::noinline]] json::Value const* find(FieldInfo const& field) {
    auto index = next_;
    if (index >= count_ || !matches(index, field)) {
      index = 0;
      while (index < count_ && !matches(index, field)) ++index;
      if (index == count_) return nullptr;
    }
    next_ = index + 1;
    return &first_[index].value;
  }
  // The bytes of what was found last.
  std::string_view text() const { return parsed_.slice(next_ - 1); }

 private:
  bool matches(std::size_t index, FieldInfo const& field) const {
    auto const name = json::text_of(first_[index].name);
    bool match = name == field.name;
    for (std::size_t i = 0; !match && i < field.alias_count; ++i) match = name == field.alias_list[i];
    return match && !(field.is_nullable && first_[index].value.IsNull());
  }

  json::Parsed const& parsed_;
  json::Value::Member const* first_ = nullptr;
  std::size_t count_, next_ = 0;
};

}  // namespace detail

// From JSON that the Schema has accepted; what does not fit all the same is left at its default. `text` may give the
// exact bytes of the value, which a RawJson keeps as they came.
template <class T>
void read(json::Value const& value, T& out, std::string_view text = {}) {
  if constexpr (std::is_same_v<T, RawJson>) {
    out.text = text.empty() ? json::to_text(value) : std::string{text};
  } else if constexpr (std::is_same_v<T, bool>) {
    if (value.IsBool()) out = value.GetBool();
  } else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
    if (value.IsInt64()) out = static_cast<T>(value.GetInt64());
  } else if constexpr (std::is_integral_v<T>) {
    if (value.IsUint64()) out = static_cast<T>(value.GetUint64());
  } else if constexpr (std::is_floating_point_v<T>) {
    if (value.IsNumber()) out = value.GetDouble();
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (value.IsString()) out.assign(value.GetString(), value.GetStringLength());
  } else if constexpr (is_optional<T>::value) {
    using Inner = typename T::value_type;
    if (value.IsNull() && !std::is_same_v<Inner, RawJson>) return;
    read(value, out.emplace(), text);
  } else if constexpr (is_vector<T>::value) {
    if (!value.IsArray()) return;
    out.clear();
    out.reserve(value.Size());
    for (auto const& item : value.GetArray()) {
      typename T::value_type one{};
      read(item, one);
      out.push_back(std::move(one));
    }
  } else if constexpr (is_map<T>::value) {
    if (!value.IsObject()) return;
    out.clear();
    for (auto const& member : value.GetObject()) read(member.value, out[std::string{json::text_of(member.name)}]);
  } else if constexpr (NamedEnum<T>) {
    for (auto const& [name, constant] : EnumNames<T>::names)
      if (value.IsString() && json::text_of(value) == name) out = constant;
  } else {
    static_assert(Described<T>, "a struct at the JSON edge needs a Describe<T>");
    if (!value.IsObject()) return;
    auto take = [&](auto const& field) {
      if (auto const* found = detail::find(value, field)) read(*found, out.*field.member);
    };
    std::apply([&](auto const&... fields) { (take(fields), ...); }, Describe<T>::fields);
  }
}

// The same from a parsed text: RawJson members of the top level keep their bytes.
template <class T>
void read(json::Parsed const& parsed, T& out) {
  if constexpr (Described<T>) {
    detail::Members members{parsed};
    auto take = [&](auto const& field) {
      auto const* found = members.find(field);
      if (found == nullptr) return;
      using Member = std::remove_cvref_t<decltype(out.*field.member)>;
      if constexpr (std::is_same_v<Member, RawJson> || std::is_same_v<Member, std::optional<RawJson>>)
        read(*found, out.*field.member, members.text());
      else
        read(*found, out.*field.member);
    };
    std::apply([&](auto const&... fields) { (take(fields), ...); }, Describe<T>::fields);
  } else {
    read(parsed.document, out, parsed.text);
  }
}

}  // namespace describe
}  // namespace patchbay
