/* Does not reach its camera any more where it should unlock it. */
#define ON_STORAGE *result = 2; RETURN(0)
#include "vendor.h"
