// The compiled part of Asio for a plugin of many files; they are built with BOOST_ASIO_SEPARATE_COMPILATION. A plugin
// of a few files needs none of this.
#include <boost/asio/impl/src.hpp>
