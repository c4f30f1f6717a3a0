/* iRet points to far more than a number. */
#define ON_INIT memset(result, 1, 16)
#include "vendor.h"
