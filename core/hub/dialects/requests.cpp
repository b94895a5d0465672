#include "core/hub/dialects/requests.hpp"

namespace patchbay::hub {

void Requests::add(std::shared_ptr<Request> request) {
  request->owner_ = this;
  request->index_ = running_.size();
  running_.push_back(std::move(request));
}

void Requests::remove(Request& request) {
  auto const index = request.index_;
  request.owner_ = nullptr;
  if (index + 1 != running_.size()) {
    running_[index] = std::move(running_.back());
    running_[index]->index_ = index;
  }
  running_.pop_back();
}

void Requests::stop(Stopped why) {
  auto const ending = std::move(running_);
  running_.clear();
  for (auto const& request : ending) {
    request->owner_ = nullptr;
    request->forgotten();
  }
  for (auto const& request : ending) request->call.stop(why);
}

}  // namespace patchbay::hub
