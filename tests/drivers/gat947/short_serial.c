/* 94 bytes of information, and a serial number that is shorter than it may be. */
#define END 1
#define SERIAL "A12"
#include "vendor.h"
