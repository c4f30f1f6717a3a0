/* Says by a bool of C++ alone how it went: what is above its one byte is whatever was there before. */
#define RETURN(is_done) return (int)0xdeadbe00u | (is_done)
#define TIME_SET 0
#define STORAGE 0
#include "vendor.h"
