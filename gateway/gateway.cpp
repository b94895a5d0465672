#include "core/base/caller.hpp"
