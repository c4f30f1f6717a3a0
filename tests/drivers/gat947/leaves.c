/* A camera that is gone before it has answered, which the library takes for a fault. */
#define ON_STORAGE leave(); *result = 2; RETURN(0)
#include "vendor.h"
