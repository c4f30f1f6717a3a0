/* A camera without a serial number. */
#define SERIAL ""
#include "vendor.h"
