/* Is busy for ever where it should tell who the camera is. */
#define ON_INFO for (volatile int turn = 1; turn;)
#include "vendor.h"
