/* Says by what it returns alone how it went. */
#define TIME_SET 0
#define STORAGE 0
#define WRONG_PASSWORD 0
#include "vendor.h"
