/* Aborts where it should unlock. */
#define ON_STORAGE abort()
#include "vendor.h"
