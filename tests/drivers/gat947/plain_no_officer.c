/* 89 bytes of information, and a camera that was handed to nobody. */
#define OFFICER ""
#include "vendor.h"
