/* iRet points to 16 bits. */
#define RESULT unsigned short
#include "vendor.h"
