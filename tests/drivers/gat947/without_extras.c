/* A library with nothing but what unlocking takes. */
#define WITHOUT_TIME
#define WITHOUT_BATTERY
#define WITHOUT_END
#include "vendor.h"
