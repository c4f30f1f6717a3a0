/* A battery below nothing. */
#define BATTERY -20
#include "vendor.h"
