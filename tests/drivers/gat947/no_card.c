/* A camera that has no card to come back as. */
#define ON_STORAGE *result = 8; RETURN(0)
#include "vendor.h"
