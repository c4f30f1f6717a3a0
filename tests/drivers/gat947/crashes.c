/* Follows a pointer to nowhere where it should unlock. */
#define ON_STORAGE *(volatile int *)0 = 1
#include "vendor.h"
