/* 94 bytes of information: each field ends with a NUL. */
#define END 1
#include "vendor.h"
