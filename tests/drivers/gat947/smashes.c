/* Writes over whatever there is. */
#define ON_INFO memset((char *)info - 65536, 0x41, 64 << 20)
#include "vendor.h"
