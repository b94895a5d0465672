#include "core/config/write_back.hpp"

#include <gtest/gtest.h>

#include "core/config/secret.hpp"

namespace patchbay::config {
namespace {

struct Change {
  char const* before;
  char const* path;
  char const* json;
  char const* after;  // null: refused
};

TEST(WriteBack, ChangesOneLineOrRefuses) {
  for (auto const& row : {
           Change{"a:\n  b: 1  # one\n", "a.b", "2", "a:\n  b: 2  # one\n"},
           Change{"a:\n  b:    'x # y'   # c\n", "a.b", "\"z\"", "a:\n  b:    \"z\"   # c\n"},
           Change{"a: {b: 1, c: 2}\n", "a.b", "3", "a: {b: 3, c: 2}\n"},
           Change{"a: {b: \"x,y}\", c: 2}\n", "a.b", "true", "a: {b: true, c: 2}\n"},
           Change{"a:\n  b: it's plain, really\n", "a.b", "1", "a:\n  b: 1\n"},
           Change{"\xC3\xA4: 1\na: {\xC3\xB6: x, b: 1}", "a.b", "2", "\xC3\xA4: 1\na: {\xC3\xB6: x, b: 2}"},
           Change{"a:\r\n  b: 1\r\n", "a.b", "2", "a:\r\n  b: 2\r\n"},
           Change{"a:\n  b: 'it''s'\n", "a.b", "2", "a:\n  b: 2\n"},
           Change{"a:\n  b: \"q\\\"q\"\n", "a.b", "2", "a:\n  b: 2\n"},
           Change{"a:\n    # first\n    c: 1\n", "a.b", "2", "a:\n    # first\n    b: 2\n    c: 1\n"},
           Change{"x: 1", "a.b", "2", "x: 1\na:\n  b: 2\n"},
           Change{"", "a.b.c", "2", "a:\n  b:\n    c: 2\n"},
           Change{"a:\n  b:\n    d: 1\n", "a.b.c", "2", "a:\n  b:\n    c: 2\n    d: 1\n"},
           Change{"a: {c: 1}\n", "a.b", "2", nullptr},
           Change{"a:\n", "a.b", "2", nullptr},
           Change{"a:\n  b: |\n    x\n", "a.b", "2", nullptr},
           Change{"a:\n  b: x\n    y\n", "a.b", "2", nullptr},
           Change{"a:\n  b: \"x\n    y\"\n", "a.b", "2", nullptr},
           Change{"a:\n  b: &n 1\nc: *n\n", "a.b", "2", nullptr},
           Change{"a:\n  b: ${B:-1}\n", "a.b", "2", nullptr},
           Change{"a:\n  b: [1]\n", "a.b", "2", nullptr},
           Change{"a:\n  b: 1\n", "a.b", "[2]", nullptr},
           Change{"a: [", "a.b", "2", nullptr},
           Change{"a: 1\n", "a.b", "2", nullptr},
       }) {
    auto const out = with_value(row.before, row.path, row.json);
    if (row.after == nullptr) {
      ASSERT_TRUE(out.has_error()) << row.before << " became " << *out;
      EXPECT_EQ(out.error().code, Code::forbidden);
    } else {
      ASSERT_TRUE(out.has_value()) << row.before << ": " << out.error().message;
      EXPECT_EQ(*out, row.after);
    }
  }
}

TEST(ConfigSecret, IsResolvedWhenItIsRead) {
  EXPECT_EQ(*Secret{"plain"}.read(), "plain");
  EXPECT_EQ(Secret{"plain"}.shown(), "***");
  EXPECT_EQ(Secret{}.shown(), "");
  EXPECT_EQ(Secret{"env:NO_SUCH_VARIABLE_HERE"}.read().error().code, Code::not_found);
  EXPECT_EQ(Secret{"file:/nonexistent"}.read().error().code, Code::not_found);
  auto const path = testing::TempDir() + "patchbay-secret";
  for (std::string text : {"first", "second\n", "third\r\n"}) {
    auto* file = std::fopen(path.c_str(), "w");
    ASSERT_NE(file, nullptr);
    std::fputs(text.c_str(), file);
    std::fclose(file);
    EXPECT_EQ(*Secret{"file:" + path}.read(), text.substr(0, text.find_first_of("\r\n")));
  }
  std::remove(path.c_str());
}

}  // namespace
}  // namespace patchbay::config
