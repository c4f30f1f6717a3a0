/* Writes before the information. */
#define ON_INFO ((char *)info)[-1] = 0x41
#include "vendor.h"
