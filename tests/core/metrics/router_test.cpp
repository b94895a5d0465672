// The router is compiled into this program: its library would bring every other module along.
#include "interfaces/metrics.cpp"
