/* Waits for ever where it should let the camera go. */
#define ON_END while (1) pause()
#include "vendor.h"
