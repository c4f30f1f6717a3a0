/* Returns a bool of C++: what is above its one byte is whatever was there before. */
#define RETURN(is_done) return (int)0xdeadbe00u | (is_done)
#include "vendor.h"
