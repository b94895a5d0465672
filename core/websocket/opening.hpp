// The opening script: what is expected and sent after each handshake, before a connection is used.
//
//   auto opening = Opening::make(args.opening);            // checked once
//   Opening::Play play{*opening};                          // anew for each attempt
//   while (auto text = play.to_send()) send(*text);
//   switch (play.feed(frame)) { case Fed::matched: ...; case Fed::refused: ...; case Fed::other: ...; }
//
// A frame matches when it has all the fields given, with the values given; nested objects likewise. Frames that match
// neither expect nor refuse are none of the script's business. Immutable after it is made; a Play belongs to one
// coroutine.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/websocket/operations.hpp"

namespace patchbay::websocket {

class Opening {
 public:
  enum class Fed : std::uint8_t { matched, refused, other };

  Opening() = default;
  // Errors: invalid_argument with the pointer of the step.
  static Result<Opening> make(std::vector<OpeningStep> const& steps);
  bool empty() const { return steps_.empty(); }

  class Play {
   public:
    explicit Play(Opening const& opening) : opening_(opening) {}
    bool done() const { return at_ == opening_.steps_.size(); }
    // The frame to send now, or null when the script waits or is over. Each is handed out once.
    std::string const* to_send();
    Fed feed(std::string_view frame);

   private:
    Opening const& opening_;
    std::size_t at_ = 0;
  };

 private:
  struct Step {
    std::string send;                              // empty: this step waits
    std::shared_ptr<json::Parsed> expect, refuse;  // a document lives in its Parsed
  };
  std::vector<Step> steps_;
};

}  // namespace patchbay::websocket
