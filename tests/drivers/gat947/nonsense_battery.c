/* A battery that makes no sense. */
#define BATTERY 205
#include "vendor.h"
