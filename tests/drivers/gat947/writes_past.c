/* Writes past the information. */
#define ON_INFO memset(info, 0x41, 300)
#include "vendor.h"
