/* An officer that is no text in GBK. */
#define OFFICER "\xff\xff\xff\xff\xff\xff"
#include "vendor.h"
