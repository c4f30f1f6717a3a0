/* One code for each success, and one for each failure. */
#define TIME_SET 1
#define STORAGE 1
#define WRONG_PASSWORD 2
#include "vendor.h"
