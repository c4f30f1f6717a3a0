/* Battery points to far more than a number. */
#define BATTERY (memset(battery, 1, 32), 80)
#include "vendor.h"
