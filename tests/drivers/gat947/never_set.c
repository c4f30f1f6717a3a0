/* A camera that was never given a serial number. */
#define SERIAL "0000000"
#include "vendor.h"
