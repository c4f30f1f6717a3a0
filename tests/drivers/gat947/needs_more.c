/* Needs what no system has. */
extern int of_no_system(void);
#define ON_INIT of_no_system()
#include "vendor.h"
