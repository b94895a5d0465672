// Walking over JSON text without building a document, for the large answers of Home Assistant: the list of all states
// is handed on as it came, and at most cut into its items.
//
//   std::string_view result = raw::member(frame, "result");
//   raw::each_item(result, [&](std::string_view state) { use(raw::text(raw::member(state, "entity_id"))); });
//
// The text must be JSON that a guard has accepted (all that WEBSOCKET and HTTP_CLIENT hand over is); for anything else
// the answers are meaningless but nothing is read outside the text. Views point into the text. Pure functions, any
// thread; about 1 ns a byte and pass.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace patchbay::home_assistant::raw {

std::string_view trimmed(std::string_view text);

// The length of the value that the text begins with.
std::size_t value_length(std::string_view text);

// Steps through the items of an array or the members of an object; `key` is raw text with its quotes.
class Cursor {
 public:
  explicit Cursor(std::string_view container);
  bool next();
  std::string_view key() const { return key_; }
  std::string_view value() const { return value_; }

 private:
  std::string_view skip_space();
  std::string_view rest_;
  std::string_view key_, value_;
  bool object_ = false;
};

// The value of an object's member, or empty when there is none.
std::string_view member(std::string_view object, std::string_view key);

template <class F>
void each_item(std::string_view array, F&& use) {
  if (trimmed(array).substr(0, 1) != "[") return;
  Cursor cursor{array};
  while (cursor.next()) use(cursor.value());
}
template <class F>
void each_member(std::string_view object, F&& use) {
  if (trimmed(object).substr(0, 1) != "{") return;
  Cursor cursor{object};
  while (cursor.next()) use(cursor.key(), cursor.value());
}

std::size_t count(std::string_view container);

// The decoded text of a JSON string; empty for anything else.
std::string text(std::string_view value);
// The same as a view into the text where nothing is escaped; else `keep` holds the decoded text.
std::string_view text(std::string_view value, std::string& keep);

inline bool is_true(std::string_view value) { return value == "true"; }
inline bool is_null(std::string_view value) { return value.empty() || value == "null"; }

}  // namespace patchbay::home_assistant::raw
