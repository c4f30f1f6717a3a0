/* 89 bytes of information: no field of it ends with a NUL. */
#include "vendor.h"
