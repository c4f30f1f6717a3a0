/* 94 bytes of information, and a camera that was handed to nobody. */
#define END 1
#define OFFICER ""
#include "vendor.h"
