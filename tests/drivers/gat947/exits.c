/* Ends the process where it should unlock, as if all were well. */
#define ON_STORAGE exit(0)
#include "vendor.h"
