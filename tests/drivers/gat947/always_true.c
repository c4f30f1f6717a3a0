/* Returns 1 whatever happened. */
#define RETURN(is_done) return 1
#include "vendor.h"
