/* Waits for ever where it should unlock. */
#define ON_STORAGE while (1) pause()
#include "vendor.h"
