/* A library without SetMSDC. */
#define WITHOUT_STORAGE
#include "vendor.h"
